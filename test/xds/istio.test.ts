/** What a real istiod had pushed to a sidecar and to a gateway is pushed again: every resource is accepted, and served. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { repository } from '../repo/sources.ts'
import { CertificateAuthority } from '../support/certificate_authority.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import { httpRequest } from '../support/http_get.ts'
import { type ProxyProcess, startProxy } from '../support/proxy_process.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import { discoveryProxies } from '../support/xds/proxies.ts'
import type { ResourceInput } from '../support/xds/resources.ts'
import { type Replay, readReplay } from './config_dump.ts'

/** Dumps of other people's set-ups, which are not ours to ship: where there are some they stand beside the checkout. */
const dumps = join(repository, '../shared/istio')

interface VirtualHosts {
  readonly name: string
  readonly virtual_hosts: readonly { readonly domains: readonly string[] }[]
}

describe.each(discoveryProxies)('%s', (kind) => {
  describe.each(['capture', 'gateway'])('config_dump-%s.json', (name) => {
    const file = join(dumps, `config_dump-${name}.json`)
    let ca: CertificateAuthority
    let backend: EchoBackend
    let plane: ControlPlane
    let replay: Replay
    let proxy: ProxyProcess | undefined

    beforeAll(async () => {
      ca = new CertificateAuthority()
      backend = await EchoBackend.start()
    })

    afterAll(async () => {
      await backend.stop()
      ca.remove()
    })

    beforeEach(async () => {
      const controlPlanePath = join(ca.folder, 'xds')
      plane = await ControlPlane.start({ path: controlPlanePath })
      if (existsSync(file)) replay = readReplay(file, { controlPlanePath, backendPort: backend.port, ca })
    })

    afterEach(async () => {
      await proxy?.stop()
      await plane.stop()
    })

    it.skipIf(!existsSync(file))('is accepted, and requests are answered', async () => {
      plane.setAll('1', replay.resources)
      proxy = await startProxy(kind, JSON.stringify(replay.bootstrap), ['-l', 'error'])
      for (const type of ['CDS', 'EDS', 'LDS', 'RDS', 'SDS'] as const) await plane.waitForAck(type, '1')
      expect(plane.requests.filter((record) => record.kind === 'nack')).toEqual([])
      const { CDS = [], LDS = [], RDS = [], SDS = [] } = replay.resources
      expect(await namesIn(proxy, 'dynamic_active_clusters', 'cluster.name')).toEqual(namesOf(CDS))
      expect(await namesIn(proxy, 'dynamic_listeners', 'name')).toEqual(namesOf(LDS))
      expect(await namesIn(proxy, 'dynamic_route_configs', 'route_config.name')).toEqual(namesOf(RDS))
      expect(await namesIn(proxy, 'dynamic_active_secrets', 'name')).toEqual(namesOf(SDS))
      if (name === 'gateway') await expectAnswers(proxy, RDS)
    })

    it.skipIf(!existsSync(file))('one bad resource is refused, all others are accepted', async () => {
      const { CDS = [], ...others } = replay.resources
      const bad = { name: 'bad', resource: '{ name: bad, type: STATIC, lb_policy: CLUSTER_PROVIDED }' }
      plane.setAll('1', { CDS: [bad, ...CDS], ...others })
      proxy = await startProxy(kind, JSON.stringify(replay.bootstrap), ['-l', 'error'])
      const { error } = await plane.waitForNack('CDS', '1')
      expect(error?.message).toContain('bad')
      await plane.waitForAck('LDS', '1')
      expect(await namesIn(proxy, 'dynamic_active_clusters', 'cluster.name')).toEqual(namesOf(CDS))
    })
  })
})

/** Every plain HTTP listener of the gateway, by every host that its routes know. */
async function expectAnswers(proxy: ProxyProcess, routes: readonly ResourceInput[]): Promise<void> {
  const answers: string[] = []
  for (const { resource } of routes) {
    const { name, virtual_hosts: virtualHosts } = resource as unknown as VirtualHosts
    if (!name.startsWith('http.')) continue
    const port = proxy.port(`0.0.0.0_${name.slice('http.'.length)}`)
    for (const { domains } of virtualHosts) {
      const host = domains[0].replaceAll('*', 'any.test')
      const { status } = await httpRequest(`127.0.0.1:${port}`, '/', 'GET', 5000, { host })
      answers.push(`${name} ${host}: ${status}`)
    }
  }
  expect(answers.length).toBeGreaterThan(1)
  expect(answers.filter((answer) => /: (404|5\d\d)$/.test(answer))).toEqual([])
}

function namesOf(inputs: readonly ResourceInput[]): string[] {
  return inputs.map(({ name }) => name).sort()
}

/** `path`: field names with dots, in each element of a list of the dump. */
async function namesIn(proxy: ProxyProcess, list: string, path: string): Promise<string[]> {
  const { body } = await proxy.admin(`/config_dump?resource=${list}`)
  const { configs = [] } = JSON.parse(body) as { configs?: Record<string, unknown>[] }
  const read = (from: unknown, key: string) => (from as Record<string, unknown>)[key]
  return configs.map((config) => String(path.split('.').reduce<unknown>(read, config))).sort()
}
