// What virtual hosts and route configurations carry: virtual clusters, statistics, per-filter settings, internal headers.

import { describe, expect, test } from 'vitest'
import type { HttpFilterFactory } from '../../src/http/factory.ts'
import { find, request, routeTable } from './support.ts'

const route = '{match: {prefix: /}, route: {cluster: c}}'

describe('virtual clusters', () => {
  const clusters = `virtual_clusters: [{name: users, headers: [{name: ':path', string_match: {prefix: /users}}, {name: ':method', string_match: {exact: GET}}]}]`
  const { config, context } = routeTable(
    `virtual_hosts: [{name: v.h, domains: ['*'], ${clusters}, routes: [{match: {prefix: /}, stat_prefix: rr, route: {cluster: c}}]}]`,
  )
  const virtualClusterOf = (line: string) => find(config, request(line))?.virtualHost.virtualCluster(request(line))
  const counter = (name: string) => context.scope.counter(`vhost.v.h.${name}`).value()

  test('the first that matches, or other', () => {
    expect(virtualClusterOf('GET /users/1')?.name).toBe('users')
    expect(virtualClusterOf('POST /users/1')?.name).toBe('other')
    expect(virtualClusterOf('GET /')?.name).toBe('other')
  })

  test('a virtual host without any has no other either', () => {
    const plain = routeTable(`virtual_hosts: [{name: v, domains: ['*'], routes: [${route}]}]`).config
    expect(find(plain, request('GET /'))?.virtualHost.virtualCluster(request('GET /'))).toBeUndefined()
  })

  test('statistics under Envoy names', () => {
    const users = virtualClusterOf('GET /users')
    users?.onRequest()
    users?.onResponse(204)
    users?.onRequestComplete(3)
    users?.onRetry()
    users?.onTimeout()
    const names = ['total', '204', '2xx', 'completed', 'retry', 'timeout', 'retry_success']
    expect(names.map((name) => counter(`vcluster.users.upstream_rq_${name}`))).toEqual([1, 1, 1, 1, 1, 1, 0])
    expect(counter('vcluster.other.upstream_rq_total')).toBe(0)
  })

  test('stat_prefix of a route', () => {
    const stats = find(config, request('GET /'))?.requestStats
    stats?.onRequest()
    stats?.onResponse(503)
    const names = ['total', '503', '5xx', 'completed']
    expect(names.map((name) => counter(`route.rr.upstream_rq_${name}`))).toEqual([1, 1, 1, 1])
  })

  test("virtual clusters must define 'headers'", () => {
    const yaml = `virtual_hosts: [{name: v, domains: ['*'], virtual_clusters: [{name: x}]}]`
    expect(routeTable(yaml).errors).toEqual(["1: virtual clusters must define 'headers'"])
  })
})

describe('typed_per_filter_config', () => {
  const bufferType = 'envoy.extensions.filters.http.buffer.v3.BufferPerRoute'
  const buffer: HttpFilterFactory<unknown, { buffer: { maxRequestBytes: number } }> = {
    category: 'envoy.filters.http',
    name: 'envoy.filters.http.buffer',
    typeUrls: ['envoy.extensions.filters.http.buffer.v3.Buffer'],
    routeTypeUrls: [bufferType],
    isTerminal: false,
    createFilterFactory: () => () => {},
    createRouteSpecificConfig: (config) => config.buffer.maxRequestBytes,
  }
  const limit = (bytes: number) => `{'@type': type.googleapis.com/${bufferType}, buffer: {max_request_bytes: ${bytes}}}`
  const wrapped = (fields: string) => `{'@type': type.googleapis.com/envoy.config.route.v3.FilterConfig, ${fields}}`
  const level = (entries: string) => `typed_per_filter_config: {${entries}}`
  const tableOf = (rc: string, vh: string, own: string, weighted: string) =>
    routeTable(
      `{${level(rc)}, virtual_hosts: [{name: v, domains: ['*'], ${level(vh)}, routes: [{match: {prefix: /}, ${level(own)}, route: {weighted_clusters: {clusters: [{name: c, weight: 1, ${level(weighted)}}]}}}]}]}`,
      { extensions: [buffer] },
    )
  const routeOf = (...levels: [string, string, string, string]) => {
    const { config, errors } = tableOf(...levels)
    expect(errors).toEqual([])
    return find(config, request('GET /'))
  }

  test('the most specific level, and all of them', () => {
    const all = routeOf(`f: ${limit(1)}`, `f: ${limit(2)}`, `f: ${limit(3)}`, `f: ${limit(4)}`)
    expect(all?.mostSpecificPerFilterConfig('f')).toBe(4)
    expect(all?.perFilterConfigs('f')).toEqual([1, 2, 3, 4])
    const two = routeOf(`f: ${limit(1)}`, '', `g: ${limit(3)}`, '')
    expect(two?.mostSpecificPerFilterConfig('f')).toBe(1)
    expect(two?.perFilterConfigs('g')).toEqual([3])
    expect(two?.mostSpecificPerFilterConfig('h')).toBeUndefined()
    expect(two?.perFilterConfigs('h')).toEqual([])
  })

  test('disabled goes by the most specific level that mentions the filter', () => {
    const off = wrapped('disabled: true')
    expect(routeOf('', '', '', '')?.filterDisabled('f')).toBeUndefined()
    expect(routeOf(`f: ${off}`, '', '', '')?.filterDisabled('f')).toBe(true)
    const on = routeOf(`f: ${off}`, '', `f: ${wrapped(`config: ${limit(3)}`)}`, '')
    expect(on?.filterDisabled('f')).toBe(false)
    expect(on?.mostSpecificPerFilterConfig('f')).toBe(3)
  })

  test.each([
    [wrapped(''), 'Empty route/virtual host per filter configuration for f filter'],
    [
      "{'@type': type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 1}",
      "The filter f doesn't support virtual host or route specific configurations",
    ],
    [
      "{'@type': type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy}",
      "Didn't find a registered implementation for 'f' with type URL: 'envoy.extensions.filters.http.cors.v3.CorsPolicy' (Envoy has this extension, Nuncio does not)",
    ],
  ])('refused: %s', (entry, message) => {
    expect(tableOf('', '', `f: ${entry}`, '').errors).toEqual([`1: ${message}`])
  })

  test('is_optional turns an unknown filter into a warning', () => {
    const entry = wrapped(
      "is_optional: true, config: {'@type': type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy}",
    )
    const table = tableOf('', '', `f: ${entry}`, '')
    expect(table.errors).toEqual([])
    expect(table.warnings).toHaveLength(1)
  })
})

test('words of retry_on that nobody knows are named by a warning', () => {
  const table = (retryOn: string) =>
    routeTable(
      `virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: c, retry_policy: {retry_on: '${retryOn}'}}}]}]`,
    )
  expect(table('5xx, reset,,cancelled').warnings).toEqual([])
  expect(table('5xx,rest,5XX').warnings).toEqual(['1: unknown retry_on words have no effect: rest, 5XX'])
  expect(table('5xx,rest').errors).toEqual([])
})

test('internal_only_headers are told in lower case', () => {
  expect(routeTable('internal_only_headers: [X-Internal]').config.internalOnlyHeaders).toEqual(['x-internal'])
})

test('every mistake of a table is reported, each at its line', () => {
  const yaml = `
virtual_hosts:
- name: v
  domains: ['a', 'A']
  routes:
  - match: {safe_regex: {regex: '('}}
    route: {cluster: c}
  - match: {prefix: /, headers: [{name: x, string_match: {safe_regex: {regex: '['}}}]}
    route:
      cluster: nope
  - match: {prefix: /}
    request_headers_to_add:
    - header: {key: a, value: '%NOPE%'}
    route: {weighted_clusters: {clusters: [{name: c, weight: 0}]}}`
  expect(routeTable(yaml).errors.map((error) => error.replace(/:.*/, ''))).toEqual(['6', '8', '10', '13', '14', '4'])
})
