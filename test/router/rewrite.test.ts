// How routes change the path and host of a request. The verdicts follow Envoy 1.40.

import { describe, expect, test } from 'vitest'
import { streamInfo } from '../access_log/support.ts'
import { find, forwarded, listed, request, routesOf } from './support.ts'

const rewritten = (match: string, action: string, line: string, ...headers: string[]) =>
  forwarded(routesOf(`{match: {${match}}, route: {cluster: c, ${action}}}`), request(line, ...headers))

describe('paths', () => {
  const regex = (pattern: string, substitution: string) =>
    `regex_rewrite: {pattern: {regex: '${pattern}'}, substitution: '${substitution}'}`

  test.each([
    ['prefix: /pre/', 'prefix_rewrite: /z', '/pre/x?q=1', '/zx?q=1'],
    ['prefix: /pre', 'prefix_rewrite: /', '/pre/a/b', '//a/b'],
    ['prefix: /pre', 'prefix_rewrite: /', '/pre', '/'],
    ['path: /exact', 'prefix_rewrite: /z', '/exact?q', '/z?q'],
    ['safe_regex: {regex: "/re/.*"}', 'prefix_rewrite: /z', '/re/x?y', '/z?y'],
    ['prefix: /CI, case_sensitive: false', 'prefix_rewrite: /z', '/ci/x', '/z/x'],
    ['path_separated_prefix: /sep', 'prefix_rewrite: /z', '/sep/x', '/z/x'],
    ['path_separated_prefix: /sep', 'prefix_rewrite: /', '/sep?q', '/?q'],
    ['prefix: /', "prefix_rewrite: '/%REQ(x)%/'", '/a', '/%REQ(x)%/a'],
    ['prefix: /', regex('/r(e)g', '/\\1\\0x'), '/reg/reg?reg', '/e/regx/e/regx?reg'],
    ['prefix: /', regex('a', 'b'), '/regall?a', '/regbll?a'],
    ['prefix: /', regex('x*', '-'), '/regempty/xxa', '-/-r-e-g-e-m-p-t-y-/-a-'],
    ['prefix: /', regex('b', '\\9'), '/bad9/b', '/bad9/b'],
    ['prefix: /', regex('k', '?'), '/k?z', '/??z'],
    ['prefix: /', "path_rewrite: '/n/%REQ(x-a)%'", '/pr/x?q', '/n/?q'],
  ])('{%s} {%s}: %s becomes %s', (match, action, path, expected) => {
    expect(rewritten(match, action, `GET ${path}`)).toEqual([expected, 'h.test', `x-envoy-original-path: ${path}`])
  })

  test('operators of path_rewrite see the request', () => {
    expect(rewritten('prefix: /', "path_rewrite: '/n/%REQ(x-a)%'", 'GET /p?q', 'x-a: v')[0]).toBe('/n/v?q')
  })

  test('suppressed, x-envoy-original-path does not appear', () => {
    const headers = request('GET /a')
    const info = streamInfo()
    const route = find(routesOf('{match: {prefix: /}, route: {cluster: c, prefix_rewrite: /z}}'), headers, 0, info)
    if (route?.kind !== 'forward') throw new Error('not forwarded')
    route.finalizeRequestHeaders(headers, info, false)
    expect([headers.path, ...listed(headers)]).toEqual(['/za'])
  })
})

describe('hosts', () => {
  const original = 'x-envoy-original-host: h.test'
  test.each([
    ['host_rewrite_literal: new.test', [], ['new.test', original]],
    ['host_rewrite_literal: h.test', [], ['h.test', original]],
    [
      'host_rewrite_literal: new.test, append_x_forwarded_host: true',
      [],
      ['new.test', original, 'x-forwarded-host: h.test'],
    ],
    [
      'host_rewrite_literal: new.test, append_x_forwarded_host: true',
      ['x-forwarded-host: o.test'],
      ['new.test', 'x-forwarded-host: o.test,h.test', original],
    ],
    [
      'host_rewrite_literal: new.test, append_x_forwarded_host: true',
      ['x-forwarded-host: h.test'],
      ['new.test', 'x-forwarded-host: h.test', original],
    ],
    ['host_rewrite_header: X-H', ['x-h: hv'], ['hv', 'x-h: hv', original]],
    ['host_rewrite_header: X-H, append_x_forwarded_host: true', [], ['h.test']],
    ['host_rewrite_header: X-H', ['x-h: '], ['h.test', 'x-h: ']],
    ["host_rewrite: '%REQ(x-a)%.t'", ['x-a: v'], ['v.t', 'x-a: v', original]],
    ["host_rewrite: '%REQ(x-a)%.t'", [], ['-.t', original]],
    ['auto_host_rewrite: true', [], ['h.test']],
  ])('{%s} with %j', (action, headers, expected) => {
    expect(rewritten('prefix: /', action, 'GET /', ...headers)).toEqual(['/', ...expected])
  })

  test.each([
    ['/hr/foo/x?q=1', 'foo'],
    ['/hr?q=/hr/x', '/hr'],
  ])('host_rewrite_path_regex takes from %s: %s', (path, host) => {
    const action = "host_rewrite_path_regex: {pattern: {regex: '^/hr/([^/]*).*$'}, substitution: '\\1'}"
    expect(rewritten('prefix: /', action, `GET ${path}`)).toEqual([path, host, original])
  })

  test('host and path together: the host comes first', () => {
    const action = 'host_rewrite_literal: new.test, prefix_rewrite: /z, append_x_forwarded_host: true'
    expect(rewritten('path: /h', action, 'GET /h')).toEqual([
      '/z',
      'new.test',
      original,
      'x-forwarded-host: h.test',
      'x-envoy-original-path: /h',
    ])
  })
})
