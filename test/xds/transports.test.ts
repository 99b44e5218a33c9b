/** How a control plane is reached: TLS with certificates on both sides, unix sockets, google_grpc, REST with its failures. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CertificateAuthority } from '../support/certificate_authority.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import { httpRequest } from '../support/http_get.ts'
import { type ProxyKind, type ProxyProcess, spawnProxy, startProxy } from '../support/proxy_process.ts'
import { ControlPlane, type ControlPlaneOptions } from '../support/xds/control_plane.ts'
import { discoveryProxies } from '../support/xds/proxies.ts'
import type { RestAnswer } from '../support/xds/rest_server.ts'
import { discoveryBootstrap, httpListener, inlineRoute, staticCluster } from '../support/xds/samples.ts'

const UPSTREAM_TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'

let ca: CertificateAuthority
let backend: EchoBackend

beforeAll(async () => {
  ca = new CertificateAuthority()
  backend = await EchoBackend.start()
})

afterAll(async () => {
  await backend.stop()
  ca.remove()
})

function setAll(plane: ControlPlane, version = '1'): void {
  plane.setAll(version, { CDS: [staticCluster('a', backend.port)], LDS: [httpListener('main', inlineRoute('a'))] })
}

async function expectServed(proxy: ProxyProcess): Promise<void> {
  expect((await httpRequest(`127.0.0.1:${proxy.port('main')}`, '/')).status).toBe(200)
}

/** Starts both, waits until the proxy serves what it was told, and lets the test look. */
async function withProxy(
  kind: ProxyKind,
  options: ControlPlaneOptions,
  yamlOf: (plane: ControlPlane) => string,
  look: (plane: ControlPlane, proxy: ProxyProcess) => void | Promise<void> = () => undefined,
): Promise<void> {
  const plane = await ControlPlane.start(options)
  setAll(plane)
  let proxy: ProxyProcess | undefined
  try {
    proxy = await startProxy(kind, yamlOf(plane), ['-l', 'error'])
    await expectServed(proxy)
    await look(plane, proxy)
  } finally {
    await proxy?.stop()
    await plane.stop()
  }
}

/** The control plane's cluster gets another field. */
function withClusterField(yaml: string, field: string): string {
  return yaml.replace('  - name: xds\n', `  - name: xds\n    ${field}\n`)
}

describe.each(discoveryProxies)('%s', (kind) => {
  it('TLS, with certificates on both sides', async () => {
    const server = ca.issue({ name: 'control-plane', altNames: ['DNS:control-plane.test'] })
    const client = ca.issue({ name: 'proxy' })
    const pair = `{ certificate_chain: { filename: ${client.certPath} }, private_key: { filename: ${client.keyPath} } }`
    const names = 'match_typed_subject_alt_names: [ { san_type: DNS, matcher: { exact: control-plane.test } } ]'
    const validation = `{ trusted_ca: { filename: ${ca.certPath} }, ${names} }`
    const context = `{ tls_certificates: [ ${pair} ], validation_context: ${validation} }`
    const socket = `transport_socket: { name: tls, typed_config: { "@type": ${UPSTREAM_TLS}, sni: control-plane.test, common_tls_context: ${context} } }`
    const yamlOf = (plane: ControlPlane) => withClusterField(discoveryBootstrap(plane, 'ads'), socket)
    await withProxy(kind, { tls: { cert: server.cert, key: server.key, clientCa: ca.cert } }, yamlOf)
  })

  it('a unix socket', async () => {
    const path = join(ca.folder, 'control-plane')
    const yamlOf = (plane: ControlPlane) =>
      discoveryBootstrap(plane, 'delta ads').replace(
        /(name: xds, endpoints: .*?address: )\{.*?\} \}/,
        `$1{ pipe: { path: ${path} } }`,
      )
    await withProxy(kind, { path }, yamlOf, (plane) => expect(plane.openStreams.length).toBe(1))
  })

  it('google_grpc, with initial metadata', async () => {
    const google = (plane: ControlPlane) =>
      `google_grpc: { target_uri: "127.0.0.1:${plane.port}", stat_prefix: google }, initial_metadata: [ { key: x-tenant, value: one } ]`
    const yamlOf = (plane: ControlPlane) =>
      discoveryBootstrap(plane, 'ads').replaceAll('envoy_grpc: { cluster_name: xds }', google(plane))
    await withProxy(kind, {}, yamlOf, (plane) => {
      expect(plane.streams[0].metadata['x-tenant']).toBe('one')
    })
  })

  it.each(['ads', 'delta ads', 'rest'] as const)('%s: the node is told as the bootstrap has it', async (mode) => {
    await withProxy(
      kind,
      {},
      (plane) => discoveryBootstrap(plane, mode),
      (plane) => {
        const { node } = plane.requests[0]
        expect(node).toMatchObject({
          id: 'test-node',
          cluster: 'test-cluster',
          metadata: { a: 1, nested: { b: [true, null, 'text'] } },
          user_agent_name: 'envoy',
          user_agent_build_version: { version: { major_number: 1, minor_number: 40 } },
        })
        const extensions = node?.['extensions'] as { name: string; category: string; type_urls?: string[] }[]
        expect(extensions).toContainEqual({
          name: 'envoy.filters.http.router',
          category: 'envoy.filters.http',
          type_urls: ['envoy.extensions.filters.http.router.v3.Router'],
        })
        const ofRest = plane.requests.filter((record) => record.protocol === 'rest' || record.kind === 'initial')
        if (mode === 'rest') expect(ofRest.every((record) => record.node !== undefined)).toBe(true)
        else expect(plane.requests.filter((record) => record.node !== undefined).length).toBe(1)
      },
    )
  })

  it('a control plane that comes later', async () => {
    const early = await ControlPlane.start()
    const { port } = early
    const yaml = discoveryBootstrap(early, 'ads')
    await early.stop()
    const proxy = spawnProxy(kind, yaml, ['-l', 'error'])
    await proxy.waitAdmin()
    expect((await proxy.admin('/ready')).status).toBe(503)
    const late = await ControlPlane.start({ port })
    try {
      setAll(late)
      await proxy.waitReady()
      await expectServed(proxy)
    } finally {
      await proxy.stop()
      await late.stop()
    }
  })

  const failures: readonly { readonly name: string; readonly answer: RestAnswer | 'silence' }[] = [
    { name: 'a status that is none of 200 and 304', answer: { status: 500, body: 'sorry' } },
    { name: 'no JSON', answer: { status: 200, body: '{nonsense' } },
    { name: 'no answer', answer: 'silence' },
    { name: 'something else than a response', answer: { status: 200, body: '{"resources": 5}' } },
  ]

  it.each(failures)('REST: $name is survived', async ({ answer }) => {
    await withProxy(
      kind,
      {},
      (plane) => discoveryBootstrap(plane, 'rest'),
      async (plane, proxy) => {
        const asked = plane.requests.length
        plane.script.onRest = (record) => (record.type === 'LDS' ? answer : undefined)
        const asks = () => plane.requests.slice(asked).filter((record) => record.type === 'LDS').length
        await plane.until(() => asks() > 1, 'the next requests for LDS')
        await expectServed(proxy)
        plane.script = {}
        plane.set('LDS', [httpListener('main', inlineRoute('a'), { statPrefix: 'changed' })], '2')
        const isTaken = () => plane.requests.some((record) => record.type === 'LDS' && record.versionInfo === '2')
        await plane.until(isTaken, 'the version of the answer')
        await expectServed(proxy)
        const stats = await proxy.stats('listener_manager.lds.update_(failure|rejected)')
        expect([...stats.values()].reduce((sum, value) => sum + value, 0)).toBeGreaterThan(0)
      },
    )
  })
})
