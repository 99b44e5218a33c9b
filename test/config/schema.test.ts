import { describe, expect, test } from 'vitest'
import { camelCase } from '../../src/config/names.ts'
import { messageNames, messageSchema } from '../../src/config/schema.ts'
import { editDistance, suggest } from '../../src/config/suggestions.ts'

describe('the bundle of the API', () => {
  test('has what the packaged .proto files declare', () => {
    const cluster = messageSchema('envoy.config.cluster.v3.Cluster')!
    expect(cluster.field('connectTimeout')).toBe(cluster.field('connect_timeout'))
    expect(cluster.field('connect_timeout')).toMatchObject({
      number: 4,
      type: 'google.protobuf.Duration',
      rules: { duration: { gt: {} } },
    })
    expect(cluster.field('type')).toMatchObject({ number: 2, oneofName: 'cluster_discovery_type', kind: 'enum' })
    expect(messageSchema('envoy.config.route.v3.RouteMatch')!.oneofs).toMatchObject([
      { name: 'path_specifier', required: true },
    ])
  })

  test('has what the overlays add, change and take away', () => {
    expect(messageSchema('envoy.config.route.v3.RouteMatch')!.field('cookies')).toMatchObject({ repeated: true })
    expect(messageSchema('envoy.config.cluster.v3.Cluster')!.field('respect_dns_ttl')).toMatchObject({
      deprecated: true,
    })
    expect(messageSchema('envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth')).toBeDefined()
    expect(messageSchema('envoy.extensions.filters.http.kill_request.v3.KillRequest')).toBeUndefined()
  })

  test('has no v2 messages and no properties of JavaScript objects', () => {
    expect(messageNames().filter((name) => /\.v2/.test(name))).toEqual([])
    expect(messageSchema('constructor')).toBeUndefined()
  })

  test('refers to nothing that it lacks', () => {
    const missing = messageNames().flatMap((name) =>
      messageSchema(name)!.fields.filter(
        (field) => field.kind === 'message' && messageSchema(field.type) === undefined,
      ),
    )
    expect(missing.map((field) => field.type)).toEqual([])
  })

  test('has only patterns that can be compiled', () => {
    const patterns = new Set<string>()
    for (const name of messageNames()) {
      for (const [, pattern] of JSON.stringify(messageSchema(name)!.fields.map((field) => field.rules)).matchAll(
        /"pattern":("(?:[^"\\]|\\.)*")/g,
      )) {
        patterns.add(JSON.parse(pattern))
      }
    }
    expect(patterns.size).toBeGreaterThan(5)
    for (const pattern of patterns) expect(() => new RegExp(pattern, 'u')).not.toThrow()
  })
})

test('camelCase derives JSON names as protobuf does', () => {
  expect(['idle_timeout', 'name', 'http2_protocol_options', 'consecutive_5xx', 'a__b'].map(camelCase)).toEqual([
    'idleTimeout',
    'name',
    'http2ProtocolOptions',
    'consecutive5xx',
    'aB',
  ])
})

test('suggestions are near, or none', () => {
  const names = ['connect_timeout', 'lb_policy', 'name', 'type']
  expect(suggest('conect_timeout', names)).toBe('connect_timeout')
  expect(suggest('ConnectTimeout', names)).toBe('connect_timeout')
  expect(suggest('nmae', names)).toBe('name')
  expect(suggest('hosts', names)).toBeUndefined()
  expect(editDistance('ab', 'ba', 5)).toBe(1)
})
