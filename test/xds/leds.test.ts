/** Collections of endpoints where Envoy is no measure: it does not live through some of these, or goes another way. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EchoBackend } from '../support/echo_backend.ts'
import { httpRequest } from '../support/http_get.ts'
import { type ProxyProcess, spawnProxy } from '../support/proxy_process.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import type { ResourceInput } from '../support/xds/resources.ts'
import {
  type ApiMode,
  configSource,
  discoveryBootstrap,
  edsCluster,
  httpListener,
  inlineRoute,
} from '../support/xds/samples.ts'

const collection = 'xdstp://a/envoy.config.endpoint.v3.LbEndpoint/c'

let plane: ControlPlane
let backend: EchoBackend
let proxy: ProxyProcess | undefined

beforeEach(async () => {
  plane = await ControlPlane.start()
  backend = await EchoBackend.start()
})

afterEach(async () => {
  await proxy?.stop()
  await Promise.all([plane.stop(), backend.stop()])
})

async function start(mode: ApiMode): Promise<ProxyProcess> {
  const source = configSource(mode)
  plane.store.set('CDS', [edsCluster('c', source)], '1')
  plane.store.set('LDS', [httpListener('l', inlineRoute('c'))], '1')
  plane.store.set('EDS', [assignment(locality(`${collection}/*`, source))], '1')
  proxy = spawnProxy('nuncio', discoveryBootstrap(plane, mode))
  await proxy.waitAdmin()
  return proxy
}

function locality(name: string, source: string): string {
  return `{ leds_cluster_locality_config: { leds_config: ${source}, leds_collection_name: "${name}" } }`
}

function assignment(...localities: readonly string[]): ResourceInput {
  return { name: 'c', resource: `{ cluster_name: c, endpoints: [ ${localities.join(', ')} ] }` }
}

function member(name: string, address: string, port: number): ResourceInput {
  const at = `{ socket_address: { address: ${address}, port_value: ${port} } }`
  return { name: `${collection}/${name}`, resource: `{ endpoint: { address: ${at} } }` }
}

async function status(): Promise<number> {
  return (await httpRequest(`127.0.0.1:${proxy!.port('l')}`, '/')).status
}

async function stat(name: string): Promise<number | undefined> {
  return (await proxy!.stats(name)).get(name)
}

describe('a collection of endpoints', () => {
  it('is refused for an address that is none, and the last one serves on', async () => {
    plane.store.set('LEDS', [member('x', '127.0.0.1', backend.port)], '1')
    await (await start('delta ads')).waitReady()
    expect(await status()).toBe(200)
    plane.set('LEDS', [member('x', '127.0.0.1', 1), member('y', 'no.address', 1)], '2')
    const { error } = await plane.waitForNack('LEDS', '2')
    expect(error?.message).toMatch(/^malformed IP address: no\.address\./)
    expect(await status()).toBe(200)
    plane.set('LEDS', [member('x', '127.0.0.1', backend.port)], '3')
    await plane.waitForAck('LEDS', '3')
    expect(await status()).toBe(200)
  })

  it('is named as what is waited for', async () => {
    const started = await start('delta ads')
    const isAskedFor = ({ type }: { readonly type: string | undefined }) => type === 'LEDS'
    await plane.waitForRequest(isAskedFor, 'the request for the collection')
    const { body } = await started.admin('/ready?verbose')
    expect(body).toContain(`waiting for: cluster c: LbEndpoint ${collection}/*, for `)
  })

  it('needs the delta protocol on the aggregated stream', async () => {
    await start('ads')
    const { error } = await plane.waitForNack('EDS', '1')
    expect(error?.message).toContain('a collection over ADS needs an ads_config of DELTA_GRPC')
  })

  it('goes on with what is known in a new version of the cluster', async () => {
    plane.store.set('LEDS', [member('x', '127.0.0.1', backend.port)], '1')
    await (await start('delta ads')).waitReady()
    const from = plane.requests.length
    plane.set('CDS', [edsCluster('c', configSource('delta ads'), 'alt_stat_name: changed')], '2')
    await plane.waitForAck('CDS', '2')
    expect(await status()).toBe(200)
    expect(await stat('cluster.changed.membership_total')).toBe(1)
    plane.set('LEDS', [member('x', '127.0.0.1', backend.port), member('y', '127.0.0.2', backend.port)], '2')
    await plane.waitForAck('LEDS', '2')
    expect(await stat('cluster.changed.membership_total')).toBe(2)
    expect(plane.lines('LEDS', from)).toEqual(['LEDS ack 2'])
  })

  it('is of no use while the assignment is stale, and is what it is then when that is confirmed', async () => {
    plane.store.set('LEDS', [member('x', '127.0.0.1', backend.port)], '1')
    const proxy = await start('delta ads')
    await proxy.waitReady()
    const policy = 'policy: { endpoint_stale_after: 1s }'
    const leds = locality(`${collection}/*`, configSource('delta ads'))
    plane.set('EDS', [{ name: 'c', resource: `{ cluster_name: c, endpoints: [ ${leds} ], ${policy} }` }], '2')
    await vi.waitUntil(async () => (await stat('cluster.c.assignment_stale')) === 1, { timeout: 10_000, interval: 50 })
    plane.set(
      'LEDS',
      ['x', 'y'].map((name, i) => member(name, `127.0.0.${i + 1}`, backend.port)),
      '2',
    )
    await plane.waitForAck('LEDS', '2')
    expect(await stat('cluster.c.membership_total')).toBe(0)
    plane.streamOf('EDS').respond('EDS', { version: '3' })
    await plane.waitForAck('EDS', '3')
    expect(await stat('cluster.c.membership_total')).toBe(2)
  })

  it('is asked for no more when the assignment that brought it is refused for another', async () => {
    plane.store.set('LEDS', [member('x', '127.0.0.1', backend.port)], '1')
    await (await start('delta ads')).waitReady()
    const source = configSource('delta ads')
    const other = `${collection}/other/*`
    plane.set('EDS', [assignment(locality(other, source), locality('none', source))], '2')
    await plane.waitForNack('EDS', '2')
    plane.set('LEDS', [], '4')
    await plane.waitForAck('LEDS', '4')
    expect(plane.streamOf('LEDS').subscribed('LEDS')).toEqual([`${collection}/*`])
    expect(await stat('cluster.c.membership_total')).toBe(0)
  })
})
