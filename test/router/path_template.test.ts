// Path templates: what they match, how they rewrite, and what is refused. The verdicts follow Envoy 1.40.

import { describe, expect, test } from 'vitest'
import { forwarded, outcome, request, routesOf, routeTable } from './support.ts'

const matchType = 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig'
const rewriteType = 'type.googleapis.com/envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig'

function templateRoute(template: string, rewrite?: string, rest = ''): string {
  const match = `path_match_policy: {name: m, typed_config: {'@type': ${matchType}, path_template: ${JSON.stringify(template)}}}`
  const policy =
    rewrite === undefined
      ? ''
      : `, path_rewrite_policy: {name: r, typed_config: {'@type': ${rewriteType}, path_template_rewrite: ${JSON.stringify(rewrite)}}}`
  return `{match: {${match}${rest}}, route: {cluster: c${policy}}}`
}

function errorsOf(template: string, rewrite?: string): string[] {
  const yaml = `virtual_hosts: [{name: v, domains: ['*'], routes: [${templateRoute(template, rewrite)}]}]`
  return routeTable(yaml).errors.map((error) => error.replace(/^\d+: /, ''))
}

describe('matching', () => {
  test.each([
    [
      '/t/{a}/b',
      ['/t/x/b', '/t/x/b?q=1', '/t/x%2f/b', '/t/x@y/b', '/t/a;b/b'],
      ['/t//b', '/t/x/b/', '/t/x/c', '/t/[x]/b'],
    ],
    ['/u/**', ['/u/', '/u/a', '/u/a/b/'], ['/u']],
    ['/w/*/x', ['/w/a/x'], ['/w//x']],
    ['/y/{a=*}/{b=**}', ['/y/a/b/c', '/y/a/'], ['/y/a', '/y//b']],
    ['/z/{a=**}.m3u8', ['/z/a/b.m3u8', '/z/.m3u8'], ['/z/a/b.m3u']],
    ['/q/{a=x/*/y}/z', ['/q/x/1/y/z'], ['/q/x/y/z']],
    ['/lit-._~x/*.jpg', ['/lit-._~x/a.jpg'], ['/lit-._~x/.jpg', '/lit-._~x/ajpg']],
    ['/**/end', ['/a/b/end', '//end'], ['/end', '/a/end/']],
    ['/p/*', ["/p/!$&'()*+,;=:@%~_-.", '/p/%zz'], ['/p/^', '/p/|', '/p/{', '/p/"', '/p/\\']],
    ['/m/x{a}y', ['/m/xQy'], ['/m/xy', '/m/Qy']],
    ['/m/a*', ['/m/aa', '/m/a'], ['/m/aX']],
    ['/m/***', [], ['/m/', '/m/x', '/m/*']],
    ['/', ['/', '/?q'], ['/a']],
  ])('%s', (template, matching, others) => {
    const table = routesOf(templateRoute(template))
    for (const path of matching) expect([path, outcome(table, request(`GET ${path}`))]).toEqual([path, 'cluster c'])
    for (const path of others) expect([path, outcome(table, request(`GET ${path}`))]).toEqual([path, 'no route'])
  })

  test('case counts, whatever case_sensitive says', () => {
    const table = routesOf(templateRoute('/CaSe/{a}', undefined, ', case_sensitive: false'))
    expect(outcome(table, request('GET /case/x'))).toBe('no route')
  })
})

describe('rewriting', () => {
  test.each([
    ['/m4/x{a}y', '/n/{a}', '/m4/xQy', '/n/Q'],
    ['/m5/x{a=**}', '/n/{a}', '/m5/x', '/n/'],
    ['/m6/{a}/{b=**}', '/n/{b}/{a}', '/m6/a/b/c?q=1', '/n/b/c/a?q=1'],
    ['/m6/{a}/{b=**}', '/n/{b}/{a}', '/m6/a/', '/n//a'],
    ['/m7/{a=l/*/m}', '/n/{a}', '/m7/l/9/m', '/n/l/9/m'],
    ['/m10/{a}', '/{a}{a}-{a}', '/m10/v', '/vv-v'],
    ['/m13/{a=**/x}', '/n/{a}', '/m13/q/x', '/n/q/x'],
    ['/m14/*', '/new', '/m14/a', '/new'],
  ])('%s to %s: %s becomes %s', (template, rewrite, path, expected) => {
    const [newPath, , original] = forwarded(routesOf(templateRoute(template, rewrite)), request(`GET ${path}`))
    expect([newPath, original]).toEqual([expected, `x-envoy-original-path: ${path}`])
  })
})

describe('errors', () => {
  test.each([
    ['a/b', 'Invalid pattern: "a/b"'],
    ['/a b', 'Invalid pattern: "/a b"'],
    ['/ä', 'Invalid pattern: "/ä"'],
    ['/{a}/{a}', 'Repeated variable name: "a"'],
    ['/{1a}', 'Invalid variable name: "1a"'],
    ['/{}', 'Invalid variable name: ""'],
    [
      '/{aaaaaaaaaaaaaaaaa}',
      'Invalid variable name length (length of "aaaaaaaaaaaaaaaaa" should be at least 1 and no more than 16)',
    ],
    ['/{a}/{b}/{c}/{d}/{e}/{f}', 'Exceeded variable count limit (5)'],
    ['/**/**', 'Glob after text glob.'],
    ['/**/*', 'Glob after text glob.'],
    ['/{a=**}/{b=*}', 'Glob after text glob.'],
    ['/{a=**}/x/*', 'Glob after text glob.'],
    ['/{a', 'Unmatched variable bracket in mixed pattern: "{a"'],
    ['/a}', 'Invalid literal: "a}"'],
    ['/{a=}', 'Empty variable match'],
    ['/{a={b}}', 'Invalid suffix literal: "}"'],
    ['/{a={b}', 'Invalid literal: "{b"'],
    ['/{a=/x}', 'Invalid literal: ""'],
    ['/{a=x/}', 'Invalid variable match: "/"'],
    ['/{a=*b}', 'Invalid variable match: "b"'],
    ['/a//b', 'Invalid literal: ""'],
    ['/a?b', 'Invalid literal: "a?b"'],
    ['/^', 'Invalid literal: "^"'],
    ['/{a}{b}', 'Invalid suffix literal: "{b}"'],
  ])('%s', (template, message) => {
    expect(errorsOf(template)).toEqual([`path_match_policy.path_template ${template} is invalid: ${message}`])
  })

  test.each([
    '/a**',
    '/***',
    '/{a_b1}',
    '/*/**',
    '/{a=b}',
    '/a/',
    '/{a}b',
    '/b{a}',
    '/%41',
    '/a:b@c',
    '/*.*',
    '/{a}.m3u8',
    '/**.js',
    '/{a=**/x}',
    '/{a=*}*',
    '/a{b}c',
    '/{a=b*}',
    '/{a=*/**}',
    '/{a=a,b}',
  ])('%s is accepted', (template) => {
    expect(errorsOf(template)).toEqual([])
  })

  test.each([
    ['x', 'path_rewrite_policy.path_template_rewrite x is invalid'],
    ['/x/{a', 'path_rewrite_policy.path_template_rewrite /x/{a is invalid'],
    ['//x', 'path_rewrite_policy.path_template_rewrite //x is invalid'],
    ['/x?{a}', 'path_rewrite_policy.path_template_rewrite /x?{a} is invalid'],
    ['/{a}}', 'path_rewrite_policy.path_template_rewrite /{a}} is invalid'],
    ['/{z}', 'mismatch between variables in path_match_policy /{a} and path_rewrite_policy /{z}'],
  ])('the rewrite %s', (rewrite, message) => {
    expect(errorsOf('/{a}', rewrite)).toEqual([message])
  })

  test('a template rewrite needs a template match', () => {
    const policy = `path_rewrite_policy: {name: r, typed_config: {'@type': ${rewriteType}, path_template_rewrite: /x}}`
    const yaml = `virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: c, ${policy}}}]}]`
    expect(routeTable(yaml).errors).toEqual([
      '1: unable to use envoy.path.rewrite.uri_template.uri_template_rewriter extension without envoy.path.match.uri_template.uri_template_matcher extension',
    ])
  })

  test('prefix_rewrite cannot go with a template match', () => {
    const match = `path_match_policy: {name: m, typed_config: {'@type': ${matchType}, path_template: /a}}`
    const yaml = `virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {${match}}, route: {cluster: c, prefix_rewrite: /x}}]}]`
    expect(routeTable(yaml).errors).toEqual(['1: Cannot use prefix_rewrite with matcher extension'])
  })
})
