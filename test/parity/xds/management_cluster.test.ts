/** What the cluster of a management server counts beside Envoy, and big answers over it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EchoBackend } from '../../support/echo_backend.ts'
import { httpRequest } from '../../support/http_get.ts'
import { type ProxyProcess, spawnProxy } from '../../support/proxy_process.ts'
import { ControlPlane } from '../../support/xds/control_plane.ts'
import { discoveryProxies } from '../../support/xds/proxies.ts'
import {
  type ApiMode,
  discoveryBootstrap,
  httpListener,
  inlineRoute,
  staticCluster,
} from '../../support/xds/samples.ts'

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
): Promise<T[]> {
  return Promise.all(
    discoveryProxies.map(async (kind) => {
      const plane = await ControlPlane.start()
      plane.setAll('1', { CDS: [staticCluster('a', backend.port)], LDS: [httpListener('main', inlineRoute('a'))] })
      const proxy = spawnProxy(kind, bootstrap(plane), ['-l', 'critical'])
      try {
        await proxy.waitReady()
        await plane.waitForAck('LDS', '1')
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
      // Both types are asked for again on the new stream, and each answer is acknowledged.
      if (again) {
        for (const type of ['CDS', 'LDS'] as const)
          await plane.waitForRequest((each) => each.type === type && each.kind === 'ack', `${type} again`, 10_000, from)
      }
      return clusterStats(proxy)
    })
    expect(nuncio).toEqual(envoy)
  })
})

describe.each<ApiMode>(['ads', 'delta ads'])('%s', (mode) => {
  it('takes an answer of 50 MiB', async () => {
    const names = Array.from({ length: 50 }, (_, i) => `padded${i}`)
    const padding = 'x'.repeat(1024 * 1024)
    await withBoth(
      async (plane, proxy) => {
        const padded = names.map((name) =>
          staticCluster(name, backend.port, `metadata: { filter_metadata: { padding: { text: ${padding} } } }`),
        )
        plane.set('CDS', [staticCluster('a', backend.port), ...padded], '2')
        await plane.waitForAck('CDS', '2', 20_000)
        expect((await proxy.stats('^cluster_manager\\.active_clusters$')).get('cluster_manager.active_clusters')).toBe(
          53,
        )
        expect((await httpRequest(`127.0.0.1:${proxy.port('main')}`, '/')).status).toBe(200)
      },
      (plane) => discoveryBootstrap(plane, mode),
    )
  })
})

describe('several management servers in one cluster', () => {
  it('are tried until one answers, and again when it goes', async () => {
    const other = await ControlPlane.start()
    other.setAll('1', { CDS: [staticCluster('a', backend.port)], LDS: [httpListener('main', inlineRoute('a'))] })
    const host = (port: number) =>
      `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }`
    const closed = await ControlPlane.start()
    const { port: deadPort } = closed
    await closed.stop()
    try {
      await withBoth(
        async (plane) => {
          const before = other.requests.length
          if (plane.openStreams.length === 0) return
          await plane.stop()
          await other.waitForRequest(({ kind }) => kind === 'ack', 'the other one', 20_000, before)
        },
        (plane) =>
          discoveryBootstrap(plane, 'ads').replace(
            /(name: xds, endpoints: \[ \{ lb_endpoints: \[ ).*?( \] \} \] \})/,
            `$1${[deadPort, plane.port, other.port].map(host).join(', ')}$2`,
          ),
      )
    } finally {
      await other.stop()
    }
  })
})
