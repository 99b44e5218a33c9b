// Virtual hosts that choose their routes by a matcher tree. The verdicts follow Envoy 1.40.

import { describe, expect, test } from 'vitest'
import { answer, outcome, request, routeTable } from './support.ts'

const input = (header: string) =>
  `input: {name: i, typed_config: {'@type': type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: '${header}'}}`
const routeType = 'type.googleapis.com/envoy.config.route.v3.Route'
const action = (match: string, name: string) =>
  `action: {name: r, typed_config: {'@type': ${routeType}, ${answer(match, name).slice(1, -1)}}}`
const predicate = (header: string, value: string) => `{single_predicate: {${input(header)}, value_match: {${value}}}}`

const virtualHost = (matcher: string) => `virtual_hosts: [{name: v, domains: ['*'], matcher: {${matcher}}}]`
const tableOf = (matcher: string) => {
  const { config, errors } = routeTable(virtualHost(matcher))
  if (errors.length > 0) throw new Error(errors.join('\n'))
  return config
}

describe('matcher_tree', () => {
  const inner = `{matcher: {matcher_tree: {${input('x')}, exact_match_map: {map: {a: {${action('prefix: /', 'xa')}}, b: {${action('prefix: /nomatch', 'xb')}}}}}}}`
  const table = tableOf(
    `matcher_tree: {${input(':path')}, prefix_match_map: {map: {/foo: {${action('prefix: /foo', 'foo')}}, /foo/bar: ${inner}}}}, on_no_match: {${action('prefix: /', 'none')}}`,
  )
  test.each([
    ['/foo', [], 'foo'],
    ['/foo/bar', [], 'foo'],
    ['/foo/bar', ['x: a'], 'xa'],
    ['/foo/bar', ['x: b'], 'no route'],
    ['/foo/bar', ['x: a', 'x: c'], 'foo'],
    ['/other', [], 'none'],
    ['/Foo', [], 'none'],
  ])('%s with %j: %s', (path, headers, expected) => {
    expect(outcome(table, request(`GET ${path}`, ...headers))).toBe(expected)
  })
})

describe('matcher_list', () => {
  const list = `action: {name: l, typed_config: {'@type': type.googleapis.com/envoy.config.route.v3.RouteList, routes: [${answer('prefix: /1', 'l1')}, ${answer('prefix: /2', 'l2')}]}}`
  const nested = `matcher: {matcher_list: {matchers: [{predicate: ${predicate('kk', "exact: '1'")}, on_match: {${action('prefix: /', 'kk')}}}]}}`
  const matchers = [
    `{predicate: ${predicate('x', 'exact: a')}, on_match: {${action('prefix: /only', 'a')}}}`,
    `{predicate: {and_matcher: {predicate: [${predicate('x', 'prefix: b')}, {not_matcher: ${predicate('y', "exact: '1'")}}]}}, on_match: {${action('prefix: /', 'b')}}}`,
    `{predicate: {or_matcher: {predicate: [${predicate('z', 'suffix: q')}, ${predicate('z', "safe_regex: {google_re2: {}, regex: 'r+'}")}]}}, on_match: {${list}}}`,
    `{predicate: ${predicate('k', "exact: '1'")}, on_match: {${nested}}}`,
  ]
  const table = tableOf(
    `matcher_list: {matchers: [${matchers.join(', ')}]}, on_no_match: {${action('prefix: /', 'none')}}`,
  )

  test.each([
    ['/only', ['x: a'], 'a'],
    ['/', ['x: a'], 'no route'],
    ['/', ['x: b1'], 'b'],
    ['/', ['x: b', 'y: 1'], 'none'],
    ['/', ['x: b', 'y: 2'], 'b'],
    ['/1', ['z: qq'], 'l1'],
    ['/2', ['z: rr'], 'l2'],
    ['/3', ['z: rr'], 'no route'],
    ['/', ['z: r', 'z: x'], 'none'],
    ['/', ['k: 1'], 'none'],
    ['/', ['k: 1', 'kk: 1'], 'kk'],
    ['/', [], 'none'],
  ])('%s with %j: %s', (path, headers, expected) => {
    expect(outcome(table, request(`GET ${path}`, ...headers))).toBe(expected)
  })

  test('without on_no_match there is no route', () => {
    expect(outcome(tableOf(`matcher_list: {matchers: [${matchers[0]}]}`), request('GET /'))).toBe('no route')
  })
})

describe('errors', () => {
  const queryInput =
    "input: {name: i, typed_config: {'@type': type.googleapis.com/envoy.type.matcher.v3.HttpRequestQueryParamMatchInput, query_param: k}}"
  test.each([
    [
      `matcher_tree: {${queryInput}, exact_match_map: {map: {a: {${action('prefix: /', 'x')}}}}}`,
      'Route table can only match on request headers, saw type.googleapis.com/envoy.type.matcher.v3.HttpRequestQueryParamMatchInput',
    ],
    [
      `on_no_match: {${action('prefix: /', 'x')}, keep_matching: true}`,
      'keep_matching is not supported in this context',
    ],
    [
      `on_no_match: {action: {name: a, typed_config: {'@type': type.googleapis.com/envoy.config.route.v3.RouteMatch}}}`,
      "Didn't find a registered implementation for 'a' with type URL: 'envoy.config.route.v3.RouteMatch'",
    ],
  ])('%s', (matcher, message) => {
    expect(routeTable(virtualHost(matcher)).errors).toEqual([`1: ${message}`])
  })

  test('routes and a matcher exclude each other', () => {
    const yaml = `virtual_hosts: [{name: v, domains: ['*'], routes: [${answer('prefix: /', 'x')}], matcher: {on_no_match: {${action('prefix: /', 'x')}}}}]`
    expect(routeTable(yaml).errors).toEqual(['1: cannot set both matcher and routes on virtual host'])
  })
})
