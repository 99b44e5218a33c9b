/**
 * What a real istiod had pushed to a sidecar and to a gateway is pushed again: every resource is accepted, and served, but for
 * those that name an extension which the proxy does not have.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { repository } from '../repo/sources.ts'
import { CertificateAuthority } from '../support/certificate_authority.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import { httpRequest } from '../support/http_get.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../support/proxy_process.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import { discoveryProxies } from '../support/xds/proxies.ts'
import type { DiscoveryRecord } from '../support/xds/requests.ts'
import type { TypeName } from '../support/xds/resource_types.ts'
import type { ResourceInput } from '../support/xds/resources.ts'
import { isNamedIn, type Replay, readReplay } from './config_dump.ts'

/** Dumps of other people's set-ups, which are not ours to ship: where there are some they stand beside the checkout. */
const dumps = join(repository, '../shared/istio')

/** As resources name them. Each that is built leaves the list. */
const unbuilt: Readonly<Record<ProxyKind, readonly string[]>> = {
  envoy: [],
  nuncio: ['envoy.extensions.filters.http.compressor.v3', 'envoy.extensions.bootstrap.internal_listener.v3'],
}

const types = ['CDS', 'LDS', 'RDS', 'SDS'] as const
type AcceptedType = (typeof types)[number]

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
      if (existsSync(file))
        replay = readReplay(file, { controlPlanePath, backendPort: backend.port, ca, unbuilt: unbuilt[kind] })
    })

    afterEach(async () => {
      await proxy?.stop()
      await plane.stop()
    })

    it.skipIf(!existsSync(file))('is accepted, and requests are answered', async () => {
      const { resources } = replay
      plane.setAll('1', resources)
      proxy = await startProxy(kind, JSON.stringify(replay.bootstrap), ['-l', 'error'])
      const accepted = acceptedOf(resources, unbuilt[kind])
      for (const type of types) if (accepted[type].length > 0) await settled(plane, type)
      for (const { type, error } of plane.requests) if (error !== undefined) expect(type).not.toBe('EDS')
      expect(await namesIn(proxy, 'dynamic_active_clusters', 'cluster.name')).toEqual(accepted.CDS)
      expect(await namesIn(proxy, 'dynamic_listeners', 'name')).toEqual(accepted.LDS)
      expect(await namesIn(proxy, 'dynamic_route_configs', 'route_config.name')).toEqual(accepted.RDS)
      await expect
        .poll(() => namesIn(proxy!, 'dynamic_active_secrets', 'name'), { timeout: 10_000 })
        .toEqual(accepted.SDS)
      const routes = resources.RDS?.filter((route) => accepted.RDS.includes(route.name)) ?? []
      if (name === 'gateway' && kind === 'envoy') await expectAnswers(proxy, routes)
    })

    it.skipIf(!existsSync(file))('one bad resource is refused, all others are accepted', async () => {
      const { CDS = [], ...others } = replay.resources
      const bad = { name: 'bad', resource: '{ name: bad, type: STATIC, lb_policy: CLUSTER_PROVIDED }' }
      plane.setAll('1', { CDS: [bad, ...CDS], ...others })
      proxy = await startProxy(kind, JSON.stringify(replay.bootstrap), ['-l', 'error'])
      const { error } = await plane.waitForNack('CDS', '1')
      expect(error?.message).toContain('bad')
      await settled(plane, 'LDS')
      const accepted = acceptedOf(replay.resources, unbuilt[kind])
      expect(await namesIn(proxy, 'dynamic_active_clusters', 'cluster.name')).toEqual(accepted.CDS)
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

/** Of what is not refused; `path`: field names with dots, in each element of a list of the dump. */
async function namesIn(proxy: ProxyProcess, list: string, path: string): Promise<string[]> {
  const { body } = await proxy.admin(`/config_dump?resource=${list}`)
  const { configs = [] } = JSON.parse(body) as { configs?: Record<string, unknown>[] }
  const read = (from: unknown, key: string) => (from as Record<string, unknown>)[key]
  const accepted = configs.filter((config) => config['error_state'] === undefined)
  return accepted.map((config) => String(path.split('.').reduce<unknown>(read, config))).sort()
}

/** The names of what is to be accepted of each type. Routes and secrets are asked for where what was accepted names them. */
function acceptedOf(resources: Replay['resources'], words: readonly string[]): Record<AcceptedType, string[]> {
  const built = (type: TypeName) => (resources[type] ?? []).filter(({ resource }) => !isNamedIn(resource, words))
  const listeners = built('LDS')
  const users = [...built('CDS'), ...listeners]
  const routes = built('RDS').filter(({ name }) => isNamedIn(listeners, [`"route_config_name":"${name}"`]))
  const secrets = built('SDS').filter(({ name }) => isNamedIn(users, [`{"name":"${name}","sds_config"`]))
  return { CDS: namesOf(built('CDS')), LDS: namesOf(listeners), RDS: namesOf(routes), SDS: namesOf(secrets) }
}

function settled(plane: ControlPlane, type: TypeName): Promise<unknown> {
  const isAnswer = (each: DiscoveryRecord) => each.type === type && (each.kind === 'ack' || each.kind === 'nack')
  return plane.waitForRequest(isAnswer, `an answer for ${type}`)
}
