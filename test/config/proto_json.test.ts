import { describe, expect, test } from 'vitest'
import { applyFieldMask, parseFieldMask } from '../../src/config/field_mask.ts'
import { durationText, printJson, timestampText, toAnyJson, toProtoJson } from '../../src/config/proto_json.ts'
import { cluster, connectionManager, load } from './loading.ts'

const bootstrapType = 'envoy.config.bootstrap.v3.Bootstrap'

function dump(yaml: string) {
  const { bootstrap, errors } = load(yaml)
  expect(errors).toEqual([])
  return toProtoJson(bootstrapType, bootstrap!)
}

describe('ProtoJSON', () => {
  test('has snake_case names in the order of field numbers, without defaults but with what has presence', () => {
    const fields = `common_lb_config: {healthy_panic_threshold: {value: 33.3}}
    connect_timeout: 1.000000001s
    type: 0
    dns_lookup_family: 0
    circuit_breakers: {thresholds: [{max_connections: 0, retry_budget: {}}]}
    ignore_health_on_host_removal: false
    cleanup_interval: 5.5s`
    expect(JSON.stringify(dump(cluster(fields)))).toBe(
      JSON.stringify({
        static_resources: {
          clusters: [
            {
              name: 'c',
              type: 'STATIC',
              connect_timeout: '1.000000001s',
              circuit_breakers: { thresholds: [{ max_connections: 0, retry_budget: {} }] },
              cleanup_interval: '5.500s',
              common_lb_config: { healthy_panic_threshold: { value: 33.3 } },
            },
          ],
        },
      }),
    )
  })

  test('prints Structs as they are and 64-bit integers as strings', () => {
    const yaml =
      'node: {metadata: {n: 1, big: 12345678901234, nul: null, l: [], e: {}}}\nstats_server_version_override: 5'
    expect(dump(yaml)).toEqual({
      node: { metadata: { n: 1, big: '12345678901234', nul: null, l: [], e: {} } },
      stats_server_version_override: '5',
    })
  })

  test('prints a typed config with its @type first, and a TypedStruct as it was written', () => {
    const router = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'
    const struct = `{"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: ${router}, value: {suppress_envoy_headers: true}}`
    const text = JSON.stringify(
      dump(
        connectionManager(
          `http_filters: [{name: a, typed_config: {"@type": ${router}}}, {name: b, typed_config: ${struct}}]`,
        ),
      ),
    )
    expect(text).toContain(`"http_filters":[{"name":"a","typed_config":{"@type":"${router}"}},`)
    expect(text).toContain(
      `{"@type":"type.googleapis.com/udpa.type.v1.TypedStruct","type_url":"${router}","value":{"suppress_envoy_headers":true}}`,
    )
    expect(Object.keys(toAnyJson('envoy.config.cluster.v3.Cluster', { name: 'c' }))).toEqual(['@type', 'name'])
  })

  test('redacts secrets: text and bytes by a marker', () => {
    const yaml = `static_resources:
  secrets:
  - {name: s, tls_certificate: {certificate_chain: {inline_string: abc}, private_key: {inline_string: key}, password: {inline_bytes: aGVsbG8=}}}
  - {name: g, generic_secret: {secret: {filename: /x}}}`
    const { bootstrap } = load(yaml)
    expect(toProtoJson(bootstrapType, bootstrap!)).toEqual({
      static_resources: {
        secrets: [
          {
            name: 's',
            tls_certificate: {
              certificate_chain: { inline_string: 'abc' },
              private_key: { inline_string: '[redacted]' },
              password: { inline_bytes: 'W3JlZGFjdGVkXQ==' },
            },
          },
          { name: 'g', generic_secret: { secret: { filename: '[redacted]' } } },
        ],
      },
    })
    expect(JSON.stringify(toProtoJson(bootstrapType, bootstrap!, { redact: false }))).toContain('"inline_string":"key"')
  })

  test('prints times with 0, 3, 6 or 9 digits', () => {
    expect([0, 250, 1500.25, 0.000001, 86_400_000].map(durationText)).toEqual([
      '0s',
      '0.250s',
      '1.500250s',
      '0.000000001s',
      '86400s',
    ])
    expect(timestampText(Date.UTC(2026, 10, 21, 4, 43, 18, 334))).toBe('2026-11-21T04:43:18.334Z')
  })

  test('is printed with one space of indent and the escapes of protobuf', () => {
    expect(printJson({ a: ['<b>&\u2028é'], e: {} })).toBe('{\n "a": [\n  "\\u003cb\\u003e&\\u2028é"\n ],\n "e": {}\n}')
  })
})

describe('a field mask', () => {
  const type = 'envoy.admin.v3.ClustersConfigDump.StaticCluster'
  const json = {
    cluster: {
      '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
      name: 'c',
      metadata: { filter_metadata: { a: {} } },
      type: 'STATIC',
    },
    last_updated: 'x',
  }
  const masked = (mask: string): unknown => applyFieldMask(type, json, parseFieldMask(mask))

  test('keeps the named fields, through an Any, whose @type stays', () => {
    expect(masked('cluster.name')).toEqual({ cluster: { '@type': json.cluster['@type'], name: 'c' } })
    expect(masked('cluster.metadata,last_updated')).toEqual({
      cluster: { '@type': json.cluster['@type'], metadata: json.cluster.metadata },
      last_updated: 'x',
    })
  })

  test('may end with a field that is not set, or with a list', () => {
    expect(masked('cluster.load_assignment.endpoints')).toEqual({ cluster: { '@type': json.cluster['@type'] } })
  })

  test.each([
    'name',
    'cluster',
    'cluster,cluster.name',
    'cluster.nam',
    'cluster.health_checks.timeout',
    'cluster.name.x',
    'lastUpdated',
  ])('does not fit with %s', (mask) => {
    expect(masked(mask)).toBeUndefined()
  })
})
