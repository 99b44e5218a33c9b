/** What the cluster of a management server counts beside Envoy, and big answers over it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeMessage } from '../../../src/config/wire_encode.ts'
import { EchoBackend } from '../../support/echo_backend.ts'
import { httpRequest } from '../../support/http_get.ts'
import { type ProxyProcess, spawnProxy } from '../../support/proxy_process.ts'
import { ControlPlane } from '../../support/xds/control_plane.ts'
import { discoveryProxies } from '../../support/xds/proxies.ts'
import type { DiscoveryRecord } from '../../support/xds/requests.ts'
import { discoveryBootstrap, httpListener, inlineRoute, staticCluster } from '../../support/xds/samples.ts'

let backend: EchoBackend

beforeAll(async () => {
  backend = await EchoBackend.start()
})

afterAll(() => backend.stop())

/** Bytes differ with the node, and how much lies in buffers with the moment. */
const uncompared = /_bytes_(total|buffered)$|pending_send_bytes$/

/** Of the cluster `xds`, once nothing moves any more. */
async function clusterStats(proxy: ProxyProcess): Promise<Record<string, number>> {
  const stats = await proxy.stats('^cluster\\.xds\\.')
  return Object.fromEntries([...stats].filter(([name]) => !uncompared.test(name)).sort())
}

/** Starts both with one cluster and one listener, each from a control plane of its own. */
async function withBoth<T>(
  act: (plane: ControlPlane, proxy: ProxyProcess) => Promise<T>,
  bootstrap: (plane: ControlPlane) => string = (plane) => discoveryBootstrap(plane, 'ads'),
  settled: (plane: ControlPlane) => Promise<unknown> = (plane) => plane.waitForAck('LDS', '1'),
): Promise<T[]> {
  return Promise.all(
    discoveryProxies.map(async (kind) => {
      const plane = await ControlPlane.start()
      plane.setAll('1', { CDS: [staticCluster('a', backend.port)], LDS: [httpListener('main', inlineRoute('a'))] })
      const proxy = spawnProxy(kind, bootstrap(plane), ['-l', 'critical'])
      try {
        await proxy.waitReady()
        await settled(plane)
        return await act(plane, proxy)
      } finally {
        await proxy.stop()
        await plane.stop()
      }
    }),
  )
}

describe('the cluster of a management server counts', () => {
  const scenes: readonly { name: string; act: (plane: ControlPlane) => unknown; again: boolean }[] = [
    { name: 'a stream', act: () => undefined, again: false },
    { name: 'a connection that is cut', act: (plane) => plane.disconnect(), again: true },
    { name: 'a stream that the server ends', act: (plane) => plane.openStreams[0].end(), again: true },
    {
      name: 'a stream that the server ends with an error',
      act: (plane) => plane.openStreams[0].fail(7, 'no'),
      again: true,
    },
  ]

  it.each(scenes)('$name', async ({ act, again }) => {
    const [envoy, nuncio] = await withBoth(async (plane, proxy) => {
      const from = plane.requests.length
      act(plane)
      // Both types are asked for again on the new stream.
      const asked = (kind: string) => (each: DiscoveryRecord) => each.type === 'LDS' && each.kind === kind
      if (again) await plane.waitForRequest(asked('initial'), 'LDS again', 10_000, from)
      return clusterStats(proxy)
    })
    expect(nuncio).toEqual(envoy)
  })
})

it('answers of 50 MiB are taken', async () => {
  const padding = { text: 'x'.repeat(1024 * 1024) }
  const padded = Array.from({ length: 50 }, (_, i) => {
    const name = `padded${i}`
    const bytes = encodeMessage('envoy.config.cluster.v3.Cluster', { name, metadata: { filterMetadata: { padding } } })
    return { name, resource: { name }, bytes }
  })
  const bodies = await withBoth(async (plane, proxy) => {
    plane.set('CDS', [staticCluster('a', backend.port), ...padded], '2')
    await plane.waitForAck('CDS', '2', 50_000)
    const stats = await proxy.stats('^cluster_manager\\.active_clusters$')
    const { status } = await httpRequest(`127.0.0.1:${proxy.port('main')}`, '/')
    return [status, ...stats.values()]
  })
  expect(bodies).toEqual([
    [200, 53],
    [200, 53],
  ])
}, 60_000)

describe('several management servers in one cluster', () => {
  it('are tried until one answers, and again when it goes', async () => {
    const resources = { CDS: [staticCluster('a', backend.port)], LDS: [httpListener('main', inlineRoute('a'))] }
    const others = await Promise.all(discoveryProxies.map(() => ControlPlane.start()))
    for (const other of others) other.setAll('1', resources)
    const closed = await ControlPlane.start()
    const { port: deadPort } = closed
    await closed.stop()
    const host = (port: number) =>
      `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }`
    const otherOf = new Map<ControlPlane, ControlPlane>()
    const bootstrap = (plane: ControlPlane) => {
      otherOf.set(plane, others[otherOf.size])
      const ports = [deadPort, plane.port, otherOf.get(plane)!.port]
      return discoveryBootstrap(plane, 'ads').replace(
        /(name: xds, endpoints: \[ \{ lb_endpoints: \[ ).*?( \] \} \] \})/,
        `$1${ports.map(host).join(', ')}$2`,
      )
    }
    const started = async (plane: ControlPlane) => {
      const other = otherOf.get(plane)!
      const [used, unused] = plane.openStreams.length > 0 ? [plane, other] : [other, plane]
      used.disconnect()
      await used.until(() => used.openStreams.length === 0, 'the end of the stream')
      used.script.onConnection = (connection) => connection.reset()
      await unused.waitForRequest(({ type }) => type === 'LDS', 'the other one', 20_000)
    }
    try {
      await withBoth(started, bootstrap, async () => {})
    } finally {
      await Promise.all(others.map((other) => other.stop()))
    }
  }, 60_000)
})
