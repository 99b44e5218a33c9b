// Which cluster a request goes to, and what the route says about forwarding.

import { describe, expect, test } from 'vitest'
import { xxHash64 } from '../../src/common/hash.ts'
import type { ForwardRoute } from '../../src/http/route.ts'
import { ipAddress, streamInfo } from '../access_log/support.ts'
import { find, forwarded, outcome, request, routesOf, routeTable, type TableOptions } from './support.ts'

function forward(action: string, routeFields = '', virtualHost = ''): ForwardRoute {
  const route = find(
    routesOf(`{match: {prefix: /}, route: {${action}}, ${routeFields}}`, virtualHost),
    request('GET /'),
  )
  if (route?.kind !== 'forward') throw new Error('not forwarded')
  return route
}

function errorsOf(action: string, options?: TableOptions): string[] {
  const yaml = `virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, route: {${action}}}]}]`
  return routeTable(yaml, options).errors.map((error) => error.slice(3))
}

describe('cluster_header', () => {
  const table = routesOf(
    '{match: {prefix: /}, route: {cluster_header: X-C, cluster_not_found_response_code: NOT_FOUND}}',
  )
  test.each([
    [['x-c: d'], 'cluster d'],
    [['x-c: d', 'x-c: e'], 'cluster d'],
    [['x-c: '], 'cluster '],
    [[], 'cluster '],
  ])('%j: %s', (headers, expected) => {
    expect(outcome(table, request('GET /', ...headers))).toBe(expected)
  })

  test('cluster_not_found_response_code', () => {
    const route = find(table, request('GET /'))
    expect(route?.kind === 'forward' && route.clusterNotFoundStatus).toBe(404)
    expect(forward('cluster: c').clusterNotFoundStatus).toBe(503)
    expect(forward('cluster: c, cluster_not_found_response_code: INTERNAL_SERVER_ERROR').clusterNotFoundStatus).toBe(
      500,
    )
  })
})

describe('weighted_clusters', () => {
  const clusters =
    'clusters: [{name: c, weight: 1, host_rewrite_literal: wc.test}, {name: d, weight: 3}, {cluster_header: x-c, weight: 1}]'
  const table = (rest = '') => routesOf(`{match: {prefix: /}, route: {weighted_clusters: {${clusters}, ${rest}}}}`)

  test('the random number chooses by weight', () => {
    const chosen = Array.from({ length: 10 }, (_, random) =>
      outcome(table(), request('GET /', 'x-c: e'), random).slice(8),
    )
    expect(chosen.join('')).toBe('cdddecddde')
  })

  test.each([
    ['0', 'c'],
    ['1', 'd'],
    ['4', 'e'],
    ['5', 'c'],
    ['7', 'd'],
    ['4294967296', 'd'],
    ['18446744073709551615', 'c'],
  ])('header_name with %s: %s', (value, cluster) => {
    expect(outcome(table('header_name: x-w'), request('GET /', `x-w: ${value}`, 'x-c: e'), 2)).toBe(
      `cluster ${cluster}`,
    )
  })

  test.each(['x', '-1', '', '18446744073709551616', '0x1', '1.5'])(
    'header_name with %j falls back to chance',
    (value) => {
      const config = table('header_name: x-w')
      expect(outcome(config, request('GET /', `x-w: ${value}`), 0)).toBe('cluster c')
      expect(outcome(config, request('GET /', `x-w: ${value}`), 1)).toBe('cluster d')
    },
  )

  test('runtime keys replace weights', () => {
    const routes = `{match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: c, weight: 50}, {name: d, weight: 50}], runtime_key_prefix: w}}}`
    const yaml = `virtual_hosts: [{name: v, domains: ['*'], routes: [${routes}]}]`
    const { config } = routeTable(yaml, { runtime: { 'w.c': 0, 'w.d': 100 } })
    expect(outcome(config, request('GET /'), 0)).toBe('cluster d')
    expect(outcome(routeTable(yaml).config, request('GET /'), 0)).toBe('cluster c')
  })

  test('use_hash_policy keeps a caller with its cluster', () => {
    const action = `weighted_clusters: {clusters: [{name: c, weight: 50}, {name: d, weight: 50}], use_hash_policy: true}, hash_policy: [{header: {header_name: user}}]`
    const config = routesOf(`{match: {prefix: /}, route: {${action}}}`)
    for (const user of ['ann', 'bob', 'cy', 'dee']) {
      const expected = xxHash64(user) % 100n < 50n ? 'cluster c' : 'cluster d'
      for (const random of [0, 99]) expect(outcome(config, request('GET /', `user: ${user}`), random)).toBe(expected)
    }
  })

  test('host_rewrite_literal of an entry leaves no trace of the old host', () => {
    expect(forwarded(table(), request('GET /'), 0)).toEqual(['/', 'wc.test'])
  })

  test('metadata_match of an entry is laid over that of the route', () => {
    const lb = (fields: string) => `metadata_match: {filter_metadata: {envoy.lb: {${fields}}}}`
    const action = `weighted_clusters: {clusters: [{name: c, weight: 1, ${lb('b: 2')}}]}, ${lb('a: 1, b: 1')}`
    expect(forward(action).metadataMatch).toEqual({ a: 1, b: 2 })
  })

  test.each([
    ['clusters: [{name: c, weight: 0}]', 'Sum of weights in the weighted_cluster must be greater than 0.'],
    ['clusters: [{name: c, cluster_header: x, weight: 1}]', 'Only one of name or cluster_header can be specified'],
    ['clusters: [{weight: 1}]', 'At least one of name or cluster_header need to be specified'],
    ['clusters: [{name: c}]', "Field 'weight' is missing"],
    ['clusters: [{name: nope, weight: 1}]', "route: unknown weighted cluster 'nope'"],
  ])('refused: %s', (fields, message) => {
    expect(errorsOf(`weighted_clusters: {${fields}}`)).toEqual([message])
  })
})

describe('validate_clusters', () => {
  const yaml = (first: string) =>
    `${first}\nvirtual_hosts:\n- name: v\n  domains: ['*']\n  routes: [{match: {prefix: /}, route: {cluster: nope}}]`
  test('an unknown cluster is an error, unless it is switched off', () => {
    expect(routeTable(yaml('name: r')).errors).toEqual(["5: route: unknown cluster 'nope'"])
    expect(routeTable(yaml('validate_clusters: false')).errors).toEqual([])
  })

  test('below a matcher nothing is looked for', () => {
    const action =
      "{name: a, typed_config: {'@type': type.googleapis.com/envoy.config.route.v3.Route, match: {prefix: /}, route: {cluster: nope}}}"
    const matcher = `virtual_hosts: [{name: v, domains: ['*'], matcher: {on_no_match: {action: ${action}}}}]`
    expect(routeTable(matcher).errors).toEqual([])
  })
})

describe('settings', () => {
  test('timeouts', () => {
    const plain = forward('cluster: c')
    expect([plain.timeoutMs, plain.idleTimeoutMs, plain.maxStreamDurationMs]).toEqual([15_000, undefined, undefined])
    const route = forward(
      'cluster: c, timeout: 0s, idle_timeout: 1.5s, flush_timeout: 2s, max_grpc_timeout: 3s, grpc_timeout_offset: 0.1s, max_stream_duration: {max_stream_duration: 4s, grpc_timeout_header_max: 5s, grpc_timeout_header_offset: 0.2s}',
    )
    expect(route).toMatchObject({
      timeoutMs: 0,
      idleTimeoutMs: 1500,
      flushTimeoutMs: 2000,
      maxGrpcTimeoutMs: 3000,
      grpcTimeoutOffsetMs: 100,
      maxStreamDurationMs: 4000,
      grpcTimeoutHeaderMaxMs: 5000,
      grpcTimeoutHeaderOffsetMs: 200,
    })
  })

  test('upgrades by lower-case type', () => {
    const route = forward(
      'cluster: c, upgrade_configs: [{upgrade_type: WebSocket, enabled: false}, {upgrade_type: CONNECT, connect_config: {allow_post: true}}]',
    )
    expect([...route.upgrades]).toEqual([
      ['websocket', { enabled: false, connect: undefined }],
      ['connect', { enabled: true, connect: { allowPost: true, proxyProtocolVersion: undefined } }],
    ])
  })

  test('internal redirects: only real redirect codes count', () => {
    expect(forward('cluster: c').internalRedirect).toBeUndefined()
    const policy = forward(
      'cluster: c, internal_redirect_policy: {max_internal_redirects: 3, redirect_response_codes: [200, 303], allow_cross_scheme_redirect: true, response_headers_to_copy: [X-A]}',
    ).internalRedirect
    expect(policy).toEqual({
      maxInternalRedirects: 3,
      redirectResponseCodes: new Set([303]),
      predicates: [],
      allowCrossSchemeRedirect: true,
      responseHeadersToCopy: ['x-a'],
    })
    expect(forward('cluster: c, internal_redirect_policy: {}').internalRedirect?.redirectResponseCodes).toEqual(
      new Set([302]),
    )
    expect(
      forward('cluster: c, internal_redirect_action: HANDLE_INTERNAL_REDIRECT').internalRedirect?.maxInternalRedirects,
    ).toBe(1)
  })

  test('retry policies: defaults, and those of the virtual host', () => {
    expect(forward('cluster: c').retryPolicy).toBeUndefined()
    expect(forward('cluster: c, retry_policy: {retry_on: "5xx, reset"}').retryPolicy).toMatchObject({
      retryOn: new Set(['5xx', 'reset']),
      numRetries: 1,
      perTryTimeoutMs: 0,
      backOffBaseMs: undefined,
      backOffMaxMs: undefined,
    })
    const inherited = forward(
      'cluster: c',
      '',
      'retry_policy: {retry_on: reset, num_retries: 7, retry_back_off: {base_interval: 0.1s, max_interval: 0.2s}}',
    )
    expect(inherited.retryPolicy).toMatchObject({ numRetries: 7, backOffBaseMs: 100, backOffMaxMs: 200 })
    const own = forward('cluster: c, retry_policy: {retry_on: 5xx}', '', 'retry_policy: {num_retries: 7}')
    expect(own.retryPolicy?.numRetries).toBe(1)
  })

  test('retriable headers and rate limited back-off', () => {
    const policy = forward(
      'cluster: c, retry_policy: {retriable_headers: [{name: x, present_match: true}], retriable_request_headers: [{name: ":method", string_match: {exact: GET}}], retriable_status_codes: [503], rate_limited_retry_back_off: {reset_headers: [{name: Retry-After, format: SECONDS}]}}',
    ).retryPolicy
    expect(policy?.retriableHeaders.map((matches) => matches(request('GET /', 'x: 1')))).toEqual([true])
    expect(policy?.retriableRequestHeaders.map((matches) => matches(request('POST /')))).toEqual([false])
    expect(policy?.retriableStatusCodes.has(503)).toBe(true)
    expect(policy?.rateLimitedBackOff).toEqual({
      resetHeaders: [{ name: 'retry-after', format: 'SECONDS' }],
      maxMs: 300_000,
    })
  })

  test('names, metadata, decorator and buffer limits', () => {
    const route = forward(
      'cluster: c, priority: HIGH',
      'name: first, metadata: {filter_metadata: {f: {k: 1}}}, decorator: {operation: op}',
      'include_request_attempt_count: true, include_is_timeout_retry_header: true, per_request_buffer_limit_bytes: 99',
    )
    expect(route).toMatchObject({
      name: 'first',
      metadata: { f: { k: 1 } },
      decorator: { operation: 'op', propagate: true },
    })
    expect(route).toMatchObject({ priority: 'HIGH', requestBodyBufferLimitBytes: 99 })
    expect(route.virtualHost).toMatchObject({
      name: 'v',
      includeRequestAttemptCount: true,
      includeAttemptCountInResponse: false,
      includeIsTimeoutRetryHeader: true,
    })
  })

  test.each([
    [
      'cluster: c, upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: Websocket}]',
      'Duplicate upgrade Websocket',
    ],
    [
      'cluster: c, upgrade_configs: [{upgrade_type: websocket, connect_config: {}}]',
      'Non-CONNECT upgrade type websocket has ConnectConfig',
    ],
    [
      'cluster: c, retry_policy: {retry_back_off: {base_interval: 2s, max_interval: 1s}}',
      'retry_policy.max_interval must greater than or equal to the base_interval',
    ],
    [
      'cluster: c, prefix_rewrite: /x, regex_rewrite: {pattern: {regex: a}, substitution: b}',
      'Specify only one of prefix_rewrite, regex_rewrite or path_rewrite_policy',
    ],
    ["cluster: c, regex_rewrite: {pattern: {regex: '('}, substitution: b}", 'missing ): ('],
    [
      'cluster: c, prefix_rewrite: /x, path_rewrite: /y',
      'Specify only one of prefix_rewrite, regex_rewrite or path_rewrite_policy',
    ],
    ['cluster_specifier_plugin: x', 'Unknown cluster specifier plugin name: x is used in the route'],
  ])('refused: %s', (action, message) => {
    expect(errorsOf(action)).toEqual([message])
  })
})

describe('hash_policy', () => {
  const hash = (policies: string, headers: string[] = [], addCookie?: (cookie: string) => void) =>
    forward(`cluster: c, hash_policy: [${policies}]`).hash(request('GET /?q=qv', ...headers), streamInfo(), addCookie)

  test('each kind hashes its value', () => {
    expect(hash('{header: {header_name: X}}', ['x: a'])).toBe(xxHash64('a'))
    expect(hash('{cookie: {name: k}}', ['cookie: k=v'])).toBe(xxHash64('v'))
    expect(hash('{query_parameter: {name: q}}')).toBe(xxHash64('qv'))
    expect(hash('{connection_properties: {source_ip: true}}')).toBe(xxHash64('10.1.2.3'))
    expect(
      hash("{header: {header_name: x, regex_rewrite: {pattern: {regex: '[0-9]+'}, substitution: num}}}", ['x: a12']),
    ).toBe(xxHash64('anum'))
  })

  test('what is absent gives no hash', () => {
    for (const policy of [
      '{header: {header_name: x}}',
      '{cookie: {name: k}}',
      '{query_parameter: {name: z}}',
      '{filter_state: {key: k}}',
      '{connection_properties: {}}',
    ]) {
      expect(hash(policy)).toBeUndefined()
    }
    expect(forward('cluster: c').hash(request('GET /'), streamInfo())).toBeUndefined()
  })

  test('the order of repeated values does not count, that of policies does', () => {
    const policy = '{header: {header_name: x}}'
    expect(hash(policy, ['x: a', 'x: b'])).toBe(hash(policy, ['x: b', 'x: a']))
    const headers = ['x: a', 'z: b']
    const xy = hash('{header: {header_name: x}}, {header: {header_name: z}}', headers)
    expect(xy).not.toBe(hash('{header: {header_name: z}}, {header: {header_name: x}}', headers))
    expect(xy).not.toBe(xxHash64('a'))
  })

  test('a terminal policy that has a value is the last', () => {
    const policies = '{header: {header_name: x}, terminal: true}, {header: {header_name: z}}'
    expect(hash(policies, ['x: a', 'z: b'])).toBe(xxHash64('a'))
    expect(hash(policies, ['z: b'])).toBe(xxHash64('b'))
  })

  test('a cookie with a ttl is made where the request has none', () => {
    const cookies: string[] = []
    const policy = '{cookie: {name: k, ttl: 60s, path: /p, attributes: [{name: SameSite, value: Strict}]}}'
    const made = hash(policy, [], (cookie) => cookies.push(cookie))
    expect(cookies).toHaveLength(1)
    const value = /^k="([0-9a-f]{16})"; Max-Age=60; Path=\/p; SameSite=Strict; HttpOnly$/.exec(cookies[0])?.[1]
    expect(made).toBe(xxHash64(value ?? ''))
    expect(hash(policy, [`cookie: k=${value}`], () => expect.unreachable())).toBe(made)
  })

  test('source_ip is that of the trusted client', () => {
    const info = streamInfo()
    info.remoteAddress = ipAddress('192.0.2.1', 1)
    const route = forward('cluster: c, hash_policy: [{connection_properties: {source_ip: true}}]')
    expect(route.hash(request('GET /'), info)).toBe(xxHash64('192.0.2.1'))
  })
})
