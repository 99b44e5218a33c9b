import { describe, expect, test } from 'vitest'
import { cluster, connectionManager, errorsOf } from './loading.ts'

function route(fields: string): string {
  return connectionManager(`route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [${fields}]}]}`)
}

describe('the rules that the API declares', () => {
  test.each([
    [
      'string min_len',
      'static_resources: {clusters: [{name: ""}]}',
      'Cluster.name: value length must be at least 1 characters',
    ],
    ['enum defined_only', cluster('type: 99'), 'Cluster.type: value must be one of the defined enum values'],
    ['duration gt', cluster('connect_timeout: {}'), 'Cluster.connect_timeout: value must be greater than 0s'],
    [
      'duration range',
      'stats_flush_interval: 300s',
      'Bootstrap.stats_flush_interval: value must be inside range [0.001s, 300s)',
    ],
    ['bool const', 'stats_flush_on_admin: true', undefined],
    ['oneof required', 'admin: {address: {}}', 'Address: address is required'],
    [
      'number range',
      cluster('common_lb_config: {healthy_panic_threshold: {value: 101}}'),
      'Percent.value: value must be inside range [0, 100]',
    ],
    [
      'infinity in a range',
      cluster('common_lb_config: {healthy_panic_threshold: {value: inf}}'),
      'Percent.value: value must be inside range [0, 100]',
    ],
    [
      'wrapper',
      cluster('outlier_detection: {max_ejection_percent: 101}'),
      'OutlierDetection.max_ejection_percent: value must be less than or equal to 100',
    ],
    [
      'repeated min_items',
      connectionManager('route_config: {virtual_hosts: [{name: v}]}'),
      'VirtualHost.domains: value must contain at least 1 item(s)',
    ],
    [
      'oneof required in a typed config',
      route('{match: {}, route: {cluster: c}}'),
      'RouteMatch: path_specifier is required',
    ],
    ['a message required', route('{direct_response: {status: 200}}'), 'Route.match: value is required'],
    [
      'pattern of a selected oneof member',
      route('{match: {path_separated_prefix: /a/}, direct_response: {status: 200}}'),
      'RouteMatch.path_separated_prefix: value does not match regex pattern "^[^?#]+[^?#/]$"',
    ],
    [
      'number range of HTTP status',
      route('{match: {prefix: /}, direct_response: {status: 600}}'),
      'DirectResponseAction.status: value must be inside range [200, 600)',
    ],
    [
      'max_items',
      cluster(
        `health_checks: [${Array(9).fill('{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}}').join(', ')}]`,
      ),
      'Cluster.health_checks: value must contain no more than 8 item(s)',
    ],
    [
      'string in',
      connectionManager('access_log: [{name: a, filter: {response_flag_filter: {flags: [XX]}}}]'),
      /flags: value must be in list \[LH, UH/,
    ],
  ])('%s', (_rule, yaml, message) => {
    const expected = typeof message === 'object' ? [expect.stringMatching(message)] : [message]
    expect(errorsOf(yaml)).toEqual(message === undefined ? [] : expected)
  })

  test('header names and values', () => {
    const change = (key: string, value: string): string[] =>
      errorsOf(
        route(
          `{match: {prefix: /}, direct_response: {status: 200}, request_headers_to_add: [{header: {key: ${key}, value: ${value}}}]}`,
        ),
      )
    expect(change('x-a', '"some value"')).toEqual([])
    expect(change('":path"', 'v')).toEqual([])
    expect(change('""', 'v')).toEqual(['HeaderValue.key: value length must be at least 1 characters'])
    expect(change('"a\\nb"', 'v')).toEqual([
      expect.stringMatching(/^HeaderValue.key: value does not match regex pattern/),
    ])
    expect(change('x-a', '"a\\rb"')).toEqual([
      expect.stringMatching(/^HeaderValue.value: value does not match regex pattern/),
    ])
  })

  test('lengths in bytes differ from lengths in characters', () => {
    const name = (text: string): string[] =>
      errorsOf(
        route(
          `{match: {prefix: /}, direct_response: {status: 200}, request_headers_to_add: [{header: {key: "${text}"}}]}`,
        ),
      )
    expect(name('é'.repeat(8192))).toEqual([])
    expect(name('é'.repeat(8193))).toEqual(['HeaderValue.key: value length must be at most 16384 bytes'])
  })

  test('do not reach into metadata that nothing reads', () => {
    const inner = '{"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: ""}'
    expect(errorsOf(cluster(`metadata: {typed_filter_metadata: {x: ${inner}}}`))).toEqual([])
    const unknown = '{"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: a, foo: 1}'
    expect(errorsOf(cluster(`metadata: {typed_filter_metadata: {x: ${unknown}}}`))).toHaveLength(1)
  })

  test('do not hold below a field that skips them', () => {
    // The deprecated `entry` of KeyValueAppend may have an empty key, the one of KeyValueMutation's `append` too.
    const append = '{append: {entry: {key: ""}, record: {key: ""}}}'
    expect(
      errorsOf(
        connectionManager(
          `http_filters: [{name: a, typed_config: {"@type": type.googleapis.com/envoy.config.core.v3.KeyValueMutation, ${append.slice(1, -1)}}}]`,
        ),
      ),
    ).toEqual([expect.stringMatching(/^KeyValuePair.key:/)])
  })

  test('of a oneof member that is not set do not hold', () => {
    expect(errorsOf(route('{match: {prefix: /}, redirect: {path_redirect: /x}}'))).toEqual([])
  })
})
