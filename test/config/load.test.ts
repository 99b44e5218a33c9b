import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { decodeResource, type LoadedBootstrap, type LoadOptions, loadBootstrap } from '../../src/config/load.ts'
import { toProtoJson } from '../../src/config/proto_json.ts'
import { encodeMessage } from '../../src/config/wire_encode.ts'
import { cluster, connectionManager, load } from './loading.ts'

const bootstrapType = 'envoy.config.bootstrap.v3.Bootstrap'
const folder = mkdtempSync(join(tmpdir(), 'config-load-'))
afterAll(() => rmSync(folder, { recursive: true }))

function loadFile(name: string, content: string | Uint8Array, options: LoadOptions = {}): LoadedBootstrap {
  const configPath = join(folder, name)
  writeFileSync(configPath, content)
  return loadBootstrap({ ...options, configPath })
}

describe('the format goes by the file name', () => {
  test.each(['a.yaml', 'a.yml', 'a.YAML'])('%s is YAML', (name) => {
    expect(loadFile(name, 'node: {id: a}').bootstrap?.node?.id).toBe('a')
  })

  test.each(['a.json', 'a.conf', 'a'])('%s is JSON, with what Envoy tolerates', (name) => {
    expect(loadFile(name, '{"node":{"id":"a",},}').bootstrap?.node?.id).toBe('a')
    expect(loadFile(name, "{node:{'id':'a'}}").bootstrap?.node?.id).toBe('a')
    expect(loadFile(name, 'node: {id: a}').errors[0].expected).toBe('a JSON value')
  })

  test.each([
    '{/*a*/}',
    '// a\n{}',
    '{} {}',
    '',
    'null',
    '[]',
    '\ufeff{}',
    '{"node":{"id":1}}',
    '{"node":{"id":"\\x41"}}',
    '{"stats_flush_on_admin":True}',
    '{"a":080}',
  ])('the JSON text %j is refused', (text) => {
    expect(loadFile('refused.json', text).errors).toHaveLength(1)
  })

  test('a.pb_text is text proto, with typed configs', () => {
    const router =
      '[type.googleapis.com/envoy.extensions.filters.http.router.v3.Router] { suppress_envoy_headers: true }'
    const text = `node { id: "a" metadata { fields { key: "k" value { number_value: 1 } } } }
static_resources { clusters { name: "c" type: STRICT_DNS connect_timeout { seconds: 2 }
  typed_extension_protocol_options { key: "x" value { ${router} } } } }`
    const { bootstrap, errors } = loadFile('a.pb_text', text)
    expect(errors).toEqual([])
    const view = bootstrap!.staticResources!.clusters[0]
    expect([view.type, view.clusterDiscoveryType, view.connectTimeout]).toEqual(['STRICT_DNS', 'type', 2000])
    expect(view.typedExtensionProtocolOptions['x'].value).toMatchObject({ suppressEnvoyHeaders: true })
    expect(bootstrap!.node!.metadata).toEqual({ k: 1 })
    expect(loadFile('bad.pb_text', 'node { idx: "a" }').errors[0].message).toMatch(
      /^Unable to parse file ".*" as a text protobuf/,
    )
  })

  test('a.pb is binary', () => {
    const { bootstrap } = load(connectionManager('codec_type: HTTP1, request_timeout: 0.5s, http_filters: [{name: r}]'))
    const { bootstrap: decoded, errors } = loadFile('a.pb', encodeMessage(bootstrapType, bootstrap!))
    expect(errors).toEqual([])
    expect(decoded).toEqual(bootstrap)
    expect(loadFile('bad.pb', 'not protobuf').errors[0].message).toMatch(/as a binary protobuf/)
  })

  test('a file that cannot be read is an error that names it', () => {
    const { errors } = loadBootstrap({ configPath: join(folder, 'missing.yaml') })
    expect(errors.map((issue) => issue.message)).toEqual([
      expect.stringMatching(/^unable to read file: .*missing.yaml/),
    ])
    expect(loadBootstrap({}).errors[0].message).toMatch(/^At least one of --config-path or --config-yaml/)
  })
})

test('--config-yaml is merged over the file: lists grow, scalars and oneofs are replaced, messages merged', () => {
  const file = cluster('type: STATIC').replace('static', 'node: {id: a, cluster: b, metadata: {x: 1}}\nstatic')
  const configYaml = 'node: {id: z, metadata: {y: 2}}\nstatic_resources: {clusters: [{name: d}]}'
  const { bootstrap, issues, errors } = loadFile('merge.yaml', file, { configYaml })
  expect(errors).toEqual([])
  expect(bootstrap!.node).toMatchObject({ id: 'z', cluster: 'b', metadata: { x: 1, y: 2 } })
  const { clusters } = bootstrap!.staticResources!
  expect(clusters.map((view) => view.name)).toEqual(['c', 'd'])
  issues.add(clusters[1], 'name', 'second')
  issues.add(clusters[0], 'name', 'first')
  expect(issues.errors.map((issue) => issue.file)).toEqual(['<--config-yaml>', join(folder, 'merge.yaml')])
})

describe('unknown and deprecated fields', () => {
  const yaml = 'static_resources: {clusters: [{name: a, foo: 1, type: xyz}]}'

  test('unknown fields and enum values are warnings with --allow-unknown-static-fields', () => {
    expect(load(yaml).errors).toHaveLength(2)
    const { errors, warnings, bootstrap } = load(yaml, { allowUnknownStaticFields: true })
    expect(errors).toEqual([])
    expect(warnings).toHaveLength(2)
    expect(bootstrap!.staticResources!.clusters[0].name).toBe('a')
  })

  test('values of the wrong kind stay errors', () => {
    expect(load('node: {id: 1}', { allowUnknownStaticFields: true }).errors).toHaveLength(1)
  })

  test('deprecated fields warn with their place, unless --skip-deprecated-logs', () => {
    const deprecated =
      'admin:\n  access_log_path: /dev/null\n  address: {socket_address: {address: 127.0.0.1, port_value: 0}}'
    const { warnings, errors } = load(deprecated)
    expect(errors).toEqual([])
    expect(warnings).toMatchObject([
      { line: 2, column: 3, message: "Using deprecated option 'envoy.config.bootstrap.v3.Admin.access_log_path'" },
    ])
    expect(load(deprecated, { skipDeprecatedLogs: true }).warnings).toEqual([])
  })

  test('what Envoy disallows by default is refused, a default value of an enum included', () => {
    const zipkin = (version: string): string[] => {
      const config = `{"@type": type.googleapis.com/envoy.config.trace.v3.ZipkinConfig, collector_cluster: c, collector_endpoint: /a${version}}`
      return load(connectionManager(`tracing: {provider: {name: z, typed_config: ${config}}}`), {
        skipDeprecatedLogs: true,
      }).errors.map((issue) => issue.message)
    }
    expect(zipkin(', collector_endpoint_version: HTTP_JSON')).toEqual([])
    expect(zipkin('')).toEqual([
      expect.stringMatching(/now-disallowed deprecated the default value DEPRECATED_AND_UNAVAILABLE/),
    ])
  })
})

describe('resources as bytes', () => {
  const clusterType = 'envoy.config.cluster.v3.Cluster'

  test('decode to the same views as text', () => {
    const view = load(cluster('connect_timeout: 0.25s\n    metadata: {filter_metadata: {a: {b: [1, null, "x"]}}}'))
      .bootstrap!.staticResources!.clusters[0]
    const { value, issues } = decodeResource(`type.googleapis.com/${clusterType}`, encodeMessage(clusterType, view))
    expect(issues.issues).toEqual([])
    expect(value).toEqual(view)
    expect(toProtoJson(clusterType, value as object)).toEqual(toProtoJson(clusterType, view))
  })

  test('are checked by the same rules, under the name of the resource', () => {
    const { issues } = decodeResource(clusterType, encodeMessage(clusterType, { altStatName: 'x' }), {
      name: 'cluster x',
    })
    expect(issues.errors).toMatchObject([
      { file: 'cluster x', message: 'Cluster.name: value length must be at least 1 characters' },
    ])
  })

  test('with unknown fields warn, or are refused, or pass', () => {
    // Field 200 as a varint, after a name.
    const bytes = Buffer.concat([encodeMessage(clusterType, { name: 'c' }), Buffer.from([0xc0, 0x0c, 0x01])])
    const message = `Protobuf message (type ${clusterType}) has unknown fields 200`
    expect(decodeResource(clusterType, bytes).issues.warnings).toMatchObject([{ message }])
    expect(decodeResource(clusterType, bytes, { unknownFields: 'refuse' }).issues.errors).toMatchObject([{ message }])
    expect(decodeResource(clusterType, bytes, { unknownFields: 'ignore' }).issues.issues).toEqual([])
  })

  test('of an unknown type or malformed are errors', () => {
    expect(decodeResource('a.b/foo.Bar', new Uint8Array()).issues.errors[0].message).toBe(
      'unknown type URL a.b/foo.Bar',
    )
    expect(decodeResource(clusterType, Buffer.from('garbage')).issues.errors[0].message).toMatch(/^Unable to parse/)
  })
})

test('views can be cloned into another process', () => {
  const { bootstrap } = load(connectionManager('route_config: {virtual_hosts: [{name: v, domains: ["*"]}]}'))
  expect(structuredClone(bootstrap)).toEqual(bootstrap)
})
