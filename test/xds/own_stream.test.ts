/** Discovery services of their own, and how their streams reach a management server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { tlsUpstreamFactory } from '../../src/extensions/transport_sockets/tls/config.ts'
import {
  clusterLoadAssignmentType,
  clusterType,
  extensionConfigType,
  listenerType,
  routeConfigurationType,
  runtimeType,
  scopedRouteConfigurationType,
  secretType,
  virtualHostType,
} from '../../src/xds/resource_types.ts'
import { CertificateAuthority } from '../support/certificate_authority.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import { configSource, grpcApi, portAddress, Receiver, TestClient, xdsCluster } from './support.ts'

let plane: ControlPlane | undefined
let client: TestClient | undefined
const folders: string[] = []

afterEach(async () => {
  client?.stop()
  await plane?.stop()
  client = plane = undefined
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

const clusterA = [{ name: 'a', resource: '{name: a, type: STATIC, connect_timeout: 1s}' }]

function source(apiType: 'GRPC' | 'DELTA_GRPC', more = '', grpcMore = '') {
  return configSource(`{api_config_source: ${grpcApi(apiType, more, grpcMore)}, resource_api_version: V3}`)
}

describe.each(['GRPC', 'DELTA_GRPC'] as const)('a stream of its own (%s)', (apiType) => {
  it.each([
    ['CDS', clusterType, 'StreamClusters', 'DeltaClusters'],
    ['EDS', clusterLoadAssignmentType, 'StreamEndpoints', 'DeltaEndpoints'],
    ['LDS', listenerType, 'StreamListeners', 'DeltaListeners'],
    ['RDS', routeConfigurationType, 'StreamRoutes', 'DeltaRoutes'],
    ['SRDS', scopedRouteConfigurationType, 'StreamScopedRoutes', 'DeltaScopedRoutes'],
    ['VHDS', virtualHostType, undefined, 'DeltaVirtualHosts'],
    ['SDS', secretType, 'StreamSecrets', 'DeltaSecrets'],
    ['RTDS', runtimeType, 'StreamRuntime', 'DeltaRuntime'],
    ['ECDS', extensionConfigType, 'StreamExtensionConfigs', 'DeltaExtensionConfigs'],
  ] as const)('asks the service of %s', async (type, typeUrl, stream, delta) => {
    plane = await ControlPlane.start()
    client = new TestClient({ cluster: xdsCluster(portAddress(plane.port)) })
    if (apiType === 'GRPC' && stream === undefined) {
      const made = client.manager.create(
        source(apiType),
        typeUrl,
        new Receiver(),
        client.context.scope.createScope('t'),
        source(apiType),
        client.errors,
      )
      expect(made).toBeUndefined()
      expect(client.errors.errors[0].message).toContain('no state of the world service')
      return
    }
    client.subscribe(typeUrl, ['x'], source(apiType), 'one')
    const record = await plane.waitForRequest((each) => each.type === type, type)
    expect(record.method.endsWith(`/${apiType === 'GRPC' ? stream : delta}`)).toBe(true)
    // What is below the name comes without being asked for.
    expect(record.names).toEqual(type === 'VHDS' ? [] : ['x'])
    expect(client.gauge('one.control_plane.connected_state')).toBe(1)
  })
})

describe('the way to the management server', () => {
  it('is TLS as the cluster has it', async () => {
    const authority = new CertificateAuthority()
    folders.push(authority.folder)
    const server = authority.issue({ name: 'xds.test', altNames: ['DNS:xds.test'] })
    const own = authority.issue({ name: 'proxy' })
    plane = await ControlPlane.start({ tls: { cert: server.cert, key: server.key, clientCa: authority.cert } })
    plane.set('CDS', clusterA, 'v1')
    client = new TestClient({
      cluster: xdsCluster(
        portAddress(plane.port),
        `transport_socket: ${tlsSocket(authority.certPath, own, 'xds.test')}`,
      ),
      extensions: [tlsUpstreamFactory],
    })
    const clusters = client.subscribe(clusterType, '*', source('GRPC'))
    await clusters.updatesReach(1)
    expect(client.stat('cluster.xds.ssl.handshake')).toBe(1)
  })

  it('is not taken where the certificate is not that of the server', async () => {
    const authority = new CertificateAuthority()
    const stranger = new CertificateAuthority()
    folders.push(authority.folder, stranger.folder)
    const server = stranger.issue({ name: 'xds.test', altNames: ['DNS:xds.test'] })
    plane = await ControlPlane.start({ tls: { cert: server.cert, key: server.key } })
    client = new TestClient({
      cluster: xdsCluster(portAddress(plane.port), `transport_socket: ${tlsSocket(authority.certPath)}`),
      extensions: [tlsUpstreamFactory],
    })
    const clusters = client.subscribe(clusterType, '*', source('GRPC'))
    await clusters.until(() => clusters.failures.length > 0)
    expect(clusters.failures[0].message).toContain('CERTIFICATE_VERIFY_FAILED')
    expect(plane.requests).toEqual([])
  })

  it('is a unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'xds-'))
    folders.push(folder)
    const path = join(folder, 'plane.sock')
    plane = await ControlPlane.start({ path })
    plane.set('CDS', clusterA, 'v1')
    client = new TestClient({ cluster: xdsCluster(`{pipe: {path: ${path}}}`) })
    const clusters = client.subscribe(clusterType, '*', source('DELTA_GRPC'))
    await clusters.updatesReach(1)
  })

  it('is an abstract unix socket', async () => {
    const name = `nuncio-xds-${process.pid}`
    plane = await ControlPlane.start({ path: `\0${name}` })
    plane.set('CDS', clusterA, 'v1')
    client = new TestClient({ cluster: xdsCluster(`{pipe: {path: "@${name}"}}`) })
    await client.subscribe(clusterType, '*', source('GRPC')).updatesReach(1)
  })

  it('is tried again until there is a server', async () => {
    const first = await ControlPlane.start()
    const { port } = first
    await first.stop()
    client = new TestClient({ cluster: xdsCluster(portAddress(port)) })
    const clusters = client.subscribe(clusterType, '*', source('GRPC'), 'cds')
    await clusters.until(() => clusters.failures.length > 1)
    expect(client.gauge('cds.control_plane.connected_state')).toBe(0)
    expect(client.stat('cds.update_failure')).toBeGreaterThan(1)
    expect(client.stat('cluster.xds.upstream_cx_connect_fail')).toBeGreaterThan(1)
    plane = await ControlPlane.start({ port })
    plane.set('CDS', clusterA, 'v1')
    await clusters.updatesReach(1)
    expect(client.gauge('cluster.xds.upstream_cx_active')).toBe(1)
  })

  it('waits for the cluster to have hosts', async () => {
    plane = await ControlPlane.start()
    plane.set('CDS', clusterA, 'v1')
    client = new TestClient({ cluster: '{name: xds, type: STATIC, connect_timeout: 1s}' })
    const clusters = client.subscribe(clusterType, '*', source('GRPC'))
    await clusters.until(() => clusters.failures.length > 0)
    expect(clusters.failures[0].message).toBe('14, no healthy upstream{no_healthy_upstream}')
    const { port } = plane
    const text = `127.0.0.1:${port}`
    client.context.clusterManager.get('xds')!.setHosts([
      [
        {
          address: { text, ip: '127.0.0.1', port, family: 'ipv4' },
          additionalAddresses: [],
          hostname: '',
          weight: 1,
          priority: 0,
          locality: { region: '', zone: '', subZone: '' },
          localityWeight: 0,
          metadata: {},
          healthStatus: 'UNKNOWN',
        },
      ],
    ])
    await clusters.updatesReach(1)
  })

  it('keeps what it has when the server goes away', async () => {
    plane = await ControlPlane.start()
    plane.set('CDS', clusterA, 'v1')
    client = new TestClient({ cluster: xdsCluster(portAddress(plane.port)) })
    const clusters = client.subscribe(clusterType, '*', source('GRPC'))
    await plane.waitForAck('CDS', 'v1')
    const { port } = plane
    await plane.stop()
    await clusters.until(() => clusters.failures.length > 1)
    expect(clusters.lines).toEqual(['v1 +a'])
    plane = await ControlPlane.start({ port })
    plane.set('CDS', [...clusterA, { name: 'b', resource: '{name: b, connect_timeout: 1s}' }], 'v2')
    await clusters.updatesReach(2)
    expect(plane.lines('CDS')[0]).toBe('CDS initial v1 node')
  })

  it('holds to the rate limit', async () => {
    plane = await ControlPlane.start()
    client = new TestClient({ cluster: xdsCluster(portAddress(plane.port)) })
    const limits = 'rate_limit_settings: {max_tokens: 1, fill_rate: 20}'
    const clusters = client.subscribe(clusterType, '*', source('GRPC', limits), 'cds')
    await plane.waitForRequest(() => true, 'CDS')
    for (const version of ['v1', 'v2', 'v3']) plane.streamOf('CDS').respond('CDS', { version })
    await plane.waitForAck('CDS', 'v3')
    expect(clusters.updates.length).toBe(3)
    expect(client.stat('cds.control_plane.rate_limit_enforced')).toBeGreaterThan(0)
    expect(client.gauge('cds.control_plane.pending_requests')).toBe(0)
  })

  it('can be a target beside all clusters', async () => {
    plane = await ControlPlane.start()
    plane.set('CDS', clusterA, 'v1')
    client = new TestClient({ cluster: xdsCluster(portAddress(1)) })
    const service = `{google_grpc: {target_uri: "127.0.0.1:${plane.port}", stat_prefix: g}}`
    const google = configSource(
      `{api_config_source: {api_type: GRPC, transport_api_version: V3, grpc_services: [${service}]}}`,
    )
    await client.subscribe(clusterType, '*', google).updatesReach(1)
    expect(client.stat('grpc.g.streams_total')).toBe(1)
  })
})

function tlsSocket(caPath: string, own?: { certPath: string; keyPath: string }, sni = ''): string {
  const certificate =
    own === undefined
      ? ''
      : `tls_certificates: [{certificate_chain: {filename: ${own.certPath}}, private_key: {filename: ${own.keyPath}}}], `
  const common = `{${certificate}validation_context: {trusted_ca: {filename: ${caPath}}}}`
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'
  const config = `{"@type": ${type}, common_tls_context: ${common}${sni === '' ? '' : `, sni: ${sni}`}}`
  return `{name: tls, typed_config: ${config}}`
}
