// Redirects, direct responses and require_tls. The verdicts follow Envoy 1.40.

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { HeaderMap } from '../../src/common/header_map.ts'
import type { DirectResponseRoute } from '../../src/http/route.ts'
import { streamInfo } from '../access_log/support.ts'
import { find, listed, outcome, request, routesOf, routeTable } from './support.ts'

function location(match: string, redirect: string, line: string, ...headers: string[]): string {
  return outcome(routesOf(`{match: {${match}}, redirect: {${redirect}}}`), request(line, ...headers))
}

describe('the scheme, host and port', () => {
  test.each([
    ['https_redirect: true', 'h.test', 'https://h.test/p'],
    ['https_redirect: true', 'h.test:80', 'https://h.test/p'],
    ['https_redirect: true', 'h.test:443', 'https://h.test:443/p'],
    ['https_redirect: true', 'h.test:8080', 'https://h.test:8080/p'],
    ['https_redirect: true', '[::1]:80', 'https://[::1]/p'],
    ['https_redirect: true', '[::1]:8080', 'https://[::1]:8080/p'],
    ['https_redirect: true', '[::1]', 'https://[::1]/p'],
    ['scheme_redirect: FTP', 'h.test:80', 'FTP://h.test/p'],
    ['host_redirect: new.test', 'h:80', 'http://new.test/p'],
    ['https_redirect: true, host_redirect: new.test', 'h:80', 'https://new.test/p'],
    ["scheme_redirect: https, host_redirect: 'h:99'", 'h:80', 'https://h:99/p'],
    ['port_redirect: 8443', 'h.test', 'http://h.test:8443/p'],
    ['port_redirect: 8443', 'h:80', 'http://h:8443/p'],
    ['port_redirect: 8443', '[::1]:80', 'http://[::1]:8443/p'],
    ['https_redirect: true, port_redirect: 8443', 'h:80', 'https://h:8443/p'],
    ['', 'h:80', 'http://h:80/p'],
    ["host_redirect: '%REQ(x)%'", 'h', 'http://%REQ(x)%/p'],
  ])('{%s} of %s: %s', (redirect, host, expected) => {
    expect(location('prefix: /', redirect, 'GET /p', `host: ${host}`)).toBe(`301 ${expected}`)
  })

  test.each([
    ['scheme_redirect: http', 'h:80', 'http://h:80/'],
    ['scheme_redirect: http', 'h:443', 'http://h/'],
    ['https_redirect: true', 'h:80', 'https://h:80/'],
  ])('{%s} of %s that came by https: %s', (redirect, host, expected) => {
    const headers = request('GET /', `host: ${host}`, 'x-forwarded-proto: https')
    headers.scheme = 'https'
    expect(outcome(routesOf(`{match: {prefix: /}, redirect: {${redirect}}}`), headers)).toBe(`301 ${expected}`)
  })
})

describe('the path', () => {
  test.each([
    ['prefix: /a', 'path_redirect: /n', '/a?q=1', '/n?q=1'],
    ['prefix: /a', 'path_redirect: new', '/a', '/new'],
    ['prefix: /a', 'path_redirect: "/n?x=y"', '/a?q=1', '/n?x=y'],
    ['prefix: /a', 'path_redirect: /n, strip_query: true', '/a?q=1', '/n'],
    ['prefix: /a', 'path_redirect: "/n?x=y", strip_query: true', '/a?q=1', '/n?x=y'],
    ['prefix: /a', "path_redirect: '/%REQ(:METHOD)%'", '/a', '/%REQ(:METHOD)%'],
    ['prefix: /a/pre', 'prefix_rewrite: /z', '/a/pre/x?q=1', '/z/x?q=1'],
    ['prefix: /a/pre', 'prefix_rewrite: /z', '/a/prefix', '/zfix'],
    ['safe_regex: {regex: "/a/.*"}', 'prefix_rewrite: /z', '/a/x?q=1', '/z?q=1'],
    ['path: /a/exact', 'prefix_rewrite: /z', '/a/exact?q', '/z?q'],
    ['path_separated_prefix: /a/sep', 'prefix_rewrite: /z', '/a/sep/x', '/z/x'],
    ['prefix: /a/CI, case_sensitive: false', 'prefix_rewrite: /z', '/a/ci/x', '/z/x'],
    ['prefix: /a', "regex_rewrite: {pattern: {regex: '^/a/(.*)$'}, substitution: '/r/\\1'}", '/a/x?q=1', '/r/x?q=1'],
    [
      'prefix: /a',
      "regex_rewrite: {pattern: {regex: '^/a/(.*)$'}, substitution: '/r/\\1'}, strip_query: true",
      '/a/x?q',
      '/r/x',
    ],
    ['prefix: /a', "path_rewrite: '/n/%REQ(:METHOD)%'", '/a?q', '/n/GET?q'],
    ['prefix: /a', "path_rewrite: '/n?%REQ(:METHOD)%'", '/a?q', '/n?GET'],
    ['prefix: /', "regex_rewrite: {pattern: {regex: '^/'}, substitution: '-'}", '/a?q', '/-a?q'],
    ['prefix: /a', 'strip_query: true', '/a?q=1', '/a'],
    ['prefix: /a', '', '/a?q=1', '/a?q=1'],
  ])('{%s} {%s}: %s to %s', (match, redirect, path, expected) => {
    expect(location(match, redirect, `GET ${path}`)).toBe(`301 http://h.test${expected}`)
  })
})

test.each([
  ['MOVED_PERMANENTLY', 301],
  ['FOUND', 302],
  ['SEE_OTHER', 303],
  ['TEMPORARY_REDIRECT', 307],
  ['PERMANENT_REDIRECT', 308],
])('%s is %i', (code, status) => {
  expect(location('prefix: /', `response_code: ${code}`, 'GET /')).toBe(`${status} http://h.test/`)
})

describe('require_tls', () => {
  const table = (value: string) => routesOf('{match: {prefix: /a}, route: {cluster: c}}', `require_tls: ${value}`)

  test.each(['ALL', 'EXTERNAL_ONLY'])('%s redirects whatever the routes say', (value) => {
    expect(outcome(table(value), request('GET /a?q'))).toBe('301 https://h.test/a?q')
    expect(outcome(table(value), request('POST /nomatch', 'host: h:80'))).toBe('301 https://h:80/nomatch')
    expect(outcome(table(value), request('GET /a', 'x-forwarded-proto: https'))).toBe('cluster c')
  })

  test('EXTERNAL_ONLY spares internal requests', () => {
    expect(outcome(table('EXTERNAL_ONLY'), request('GET /a', 'x-envoy-internal: true'))).toBe('cluster c')
    expect(outcome(table('ALL'), request('GET /a', 'x-envoy-internal: true'))).toBe('301 https://h.test/a')
  })
})

describe('direct_response', () => {
  const direct = (fields: string, routeFields = '') =>
    find(
      routesOf(`{match: {prefix: /}, direct_response: {${fields}}, ${routeFields}}`),
      request('GET /p?q'),
    ) as DirectResponseRoute

  test('bodies from strings, bytes, files and the environment', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'nuncio-')), 'body')
    writeFileSync(file, 'from a file\n')
    process.env['NUNCIO_TEST_BODY'] = 'from the environment'
    expect(direct('status: 200, body: {inline_string: ä}').body()).toBe(Buffer.from('ä').toString('latin1'))
    expect(direct('status: 200, body: {inline_bytes: /wA=}').body()).toBe('\xff\x00')
    expect(direct(`status: 200, body: {filename: ${file}}`).body()).toBe('from a file\n')
    expect(direct('status: 200, body: {environment_variable: NUNCIO_TEST_BODY}').body()).toBe('from the environment')
    expect(direct('status: 204').body()).toBe('')
  })

  test('body_format sees the body and the request', () => {
    const format = "body_format: {text_format_source: {inline_string: '[%LOCAL_REPLY_BODY%|%REQ(:PATH)%|%REQ(x-n)%]'}}"
    const route = direct(`status: 200, body: {inline_string: hi}, ${format}`)
    expect(route.formattedBody(request('GET /p?q'), streamInfo())).toEqual({
      body: '[hi|/p?q|-]',
      contentType: '',
    })
    expect(direct('status: 200').formattedBody(request('GET /'), streamInfo())).toBeUndefined()
  })

  test('201 and redirects point at the request itself', () => {
    const info = streamInfo()
    expect(direct('status: 201').location(request('GET /p?q'), info)).toBe('http://h.test/p?q')
    expect(direct('status: 302').location(request('GET /p?q'), info)).toBe('http://h.test/p?q')
    expect(direct('status: 200').location(request('GET /p?q'), info)).toBe('')
  })

  test('response headers are added, the request is left alone', () => {
    const changes =
      'request_headers_to_add: [{header: {key: x-n, value: added}}], response_headers_to_add: [{header: {key: x-r, value: "%REQ(:PATH)%"}}]'
    const route = direct('status: 200', changes)
    const headers = request('GET /p')
    route.finalizeRequestHeaders(headers, streamInfo())
    expect(listed(headers)).toEqual([])
    const response = new HeaderMap()
    route.finalizeResponseHeaders(response, headers, streamInfo())
    expect(listed(response)).toEqual(['x-r: /p'])
  })

  test.each([
    [`body: {inline_string: ${'x'.repeat(4097)}}`, 'response body size is 4097 bytes; maximum is 4096'],
    ['body: {environment_variable: NUNCIO_NONE}', "Environment variable doesn't exist: NUNCIO_NONE"],
    ["body_format: {text_format_source: {inline_string: '%NOPE%'}}", 'Not supported field in StreamInfo: NOPE'],
  ])('refused: %.40s', (fields, message) => {
    const yaml = `virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, direct_response: {status: 200, ${fields}}}]}]`
    expect(routeTable(yaml).errors).toEqual([`1: ${message}`])
  })

  test('max_direct_response_body_size_bytes moves the limit', () => {
    const yaml = (size: number) =>
      `{max_direct_response_body_size_bytes: ${size}, virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: abcd}}}]}]}`
    expect(routeTable(yaml(4)).errors).toEqual([])
    expect(routeTable(yaml(3)).errors).toEqual(['1: response body size is 4 bytes; maximum is 3'])
  })
})
