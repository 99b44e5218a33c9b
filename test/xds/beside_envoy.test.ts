/** The protocol itself beside Envoy: what both send for the same script of a management server, request by request. */
import { afterEach, describe, expect, it } from 'vitest'
import { clusterType } from '../../src/xds/resource_types.ts'
import { type ProxyProcess, spawnProxy } from '../support/proxy_process.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import { grpcApi, portAddress, TestClient, xdsCluster } from './support.ts'

type ApiType = 'GRPC' | 'DELTA_GRPC'
type Script = (plane: ControlPlane) => Promise<void>

const stops: (() => unknown)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function startPlane(): Promise<ControlPlane> {
  const plane = await ControlPlane.start()
  stops.push(() => plane.stop())
  return plane
}

function startEnvoy(port: number, apiType: ApiType, more: string): ProxyProcess {
  const http2 = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
  const options = `{"@type": ${http2}, explicit_http_config: {http2_protocol_options: {}}}`
  const named = `{envoy.extensions.upstreams.http.v3.HttpProtocolOptions: ${options}}`
  const envoy = spawnProxy(
    'envoy',
    `node: {id: node-1, cluster: test}
dynamic_resources:
  ads_config: ${grpcApi(apiType, more)}
  cds_config: {ads: {}, resource_api_version: V3}
static_resources: {clusters: [${xdsCluster(portAddress(port), `typed_extension_protocol_options: ${named}`)}]}
`,
  )
  stops.push(() => envoy.stop())
  return envoy
}

/** The requests for clusters of both, without the texts that each has of its own. */
async function bothSend(apiType: ApiType, more: string, script: Script): Promise<string[][]> {
  const [beside, plane] = [await startPlane(), await startPlane()]
  const envoy = startEnvoy(beside.port, apiType, more)
  const client = new TestClient({ cluster: xdsCluster(portAddress(plane.port)), adsConfig: grpcApi(apiType, more) })
  stops.push(() => client.stop())
  client.manager.start()
  client.subscribe(clusterType, '*')
  await Promise.all([beside, plane].map((each) => script(each))).catch((error: Error) => {
    throw new Error(`${error.message}\n${envoy.tail()}`)
  })
  return [beside, plane].map((each) => each.lines('CDS').map((line) => line.replace(/(error=\d+) .*/, '$1')))
}

const cluster = (name: string, more = '') => ({ name, resource: `{name: ${name}, connect_timeout: 1s${more}}` })

/** Waits for the answer to a response of the script's own. */
async function answered(plane: ControlPlane, nonce: string): Promise<void> {
  await plane.waitForRequest((record) => record.nonce === nonce, `the answer to ${nonce}`)
}

const scripts: readonly [name: string, script: Script, more?: string][] = [
  [
    'updates that are good, empty and the same again',
    async (plane) => {
      plane.set('CDS', [cluster('a'), cluster('b')], 'v1')
      await plane.waitForAck('CDS', 'v1')
      plane.set('CDS', [cluster('a')], 'v2')
      await plane.waitForAck('CDS', 'v2')
      await answered(plane, plane.streamOf('CDS').respond('CDS', { version: 'v2' }))
      await answered(plane, plane.streamOf('CDS').respond('CDS', { version: 'v3', resources: [] }))
    },
  ],
  [
    'responses that must be refused whole',
    async (plane) => {
      plane.set('CDS', [cluster('a')], 'v1')
      await plane.waitForAck('CDS', 'v1')
      plane.set('CDS', [cluster('b'), { ...cluster('a'), bytes: Buffer.from([0x0a, 0x75]) }], 'v2')
      await plane.waitForNack('CDS', 'v2')
      const typeUrl = 'type.googleapis.com/envoy.config.listener.v3.Listener'
      plane.set('CDS', [{ ...cluster('a'), typeUrl, bytes: Buffer.alloc(0) }], 'v3')
      await plane.waitForNack('CDS', 'v3')
      plane.set('CDS', [cluster('c')], 'v4')
      await plane.waitForAck('CDS', 'v4')
    },
  ],
  [
    'three responses at once, and a version of nothing',
    async (plane) => {
      plane.set('CDS', [cluster('a')], 'v1')
      await plane.waitForAck('CDS', 'v1')
      const stream = plane.streamOf('CDS')
      const nonces = ['v2', 'v3', 'v4'].map((version) => stream.respond('CDS', { version }))
      for (const nonce of nonces) await answered(plane, nonce)
      await answered(plane, stream.respond('CDS', { version: '', nonce: 'x' }))
    },
  ],
  [
    'a connection that is lost, with the node once a stream',
    async (plane) => {
      plane.set('CDS', [cluster('a'), cluster('b')], 'v1')
      await plane.waitForAck('CDS', 'v1')
      plane.disconnect()
      await plane.until(() => plane.lines('CDS').length === 3, 'the first request of the second stream')
      plane.set('CDS', [cluster('b')], 'v2')
      await plane.waitForAck('CDS', 'v2')
    },
    'set_node_on_first_message_only: true',
  ],
  [
    'a stream that the server ends, and one that is garbage',
    async (plane) => {
      plane.set('CDS', [cluster('a')], 'v1')
      await plane.waitForAck('CDS', 'v1')
      plane.streamOf('CDS').end()
      await plane.until(() => plane.lines('CDS').length === 3, 'the second stream')
      plane.streamOf('CDS').sendBytes(Buffer.from([0x0a, 0x75]))
      await plane.until(() => plane.lines('CDS').length === 4, 'the third stream')
      plane.set('CDS', [cluster('b')], 'v2')
      await plane.waitForAck('CDS', 'v2')
    },
  ],
  [
    'a resource whose time is over',
    async (plane) => {
      plane.set('CDS', [{ ...cluster('a'), ttlMs: 100 }, cluster('b')], 'v1')
      await plane.waitForAck('CDS', 'v1')
      plane.set('CDS', [cluster('b'), cluster('c')], 'v2')
      await plane.waitForAck('CDS', 'v2')
    },
  ],
]

describe.each(['GRPC', 'DELTA_GRPC'] as const)('requests by %s are those of Envoy', (apiType) => {
  it.each(scripts)('%s', async (_name, script, more = '') => {
    const [envoys, ours] = await bothSend(apiType, more, script)
    expect(ours).toEqual(envoys)
    expect(ours.length).toBeGreaterThan(1)
  })
})
