/** Backends that die, hang, come and go under load: what fails through Nuncio, beside what fails through Envoy. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { proxyPair } from '../parity/define_suite.ts'
import { bootstrap, httpListener, indent, routes } from '../parity/yaml.ts'
import { DnsServer } from '../support/dns_server.ts'
import { freePorts } from '../support/free_ports.ts'
import { keepAliveClient } from '../support/live_clients.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../support/proxy_process.ts'
import { BackendProcess } from './backend_process.ts'

const clientCount = 6
const rounds = 3
/** Answers between two blows. */
const calm = 100
const progressTimeoutMs = 60_000
const testTimeoutMs = 180_000
const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'] as const
const cares = 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig'
const assignment = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment'

const previousHosts = 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'

const retrying = routes(`
- match: { prefix: / }
  route:
    cluster: main
    timeout: 20s
    retry_policy:
      retry_on: "connect-failure,reset,gateway-error"
      num_retries: 5
      per_try_timeout: 0.5s
      retry_back_off: { base_interval: 0.005s }
      # Or chance alone would send some requests to the dead host again and again.
      retry_host_predicate:
      - name: envoy.retry_host_predicates.previous_hosts
        typed_config: { "@type": ${previousHosts} }
      host_selection_retry_max_attempts: 10
`)

/** One proxy with what is behind it. */
interface Scene {
  readonly proxy: ProxyProcess
  readonly backends: readonly BackendProcess[]
  /** Resolves when so many more requests have been answered, or have failed. */
  progress(count?: number): Promise<void>
}

const stops: (() => unknown)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** Three backends on one port of three addresses. */
async function startBackends(): Promise<BackendProcess[]> {
  const [port] = await freePorts(1)
  const backends = await Promise.all(addresses.map((address) => BackendProcess.start(port, address)))
  for (const backend of backends) stops.push(() => backend.kill())
  return backends
}

/** `cluster`: fields of the cluster `main`, at column 0. */
function yamlOf(cluster: string): string {
  return bootstrap(
    [httpListener({ name: 'main', virtualHosts: retrying })],
    // Only so many retries at a time are let through by default.
    [
      `- name: main\n  connect_timeout: 0.5s\n  circuit_breakers: { thresholds: [ { max_retries: 100 } ] }\n${indent(cluster, 2)}`,
    ],
    'node: { id: chaos, cluster: chaos }',
  )
}

function endpointOf({ host, port }: BackendProcess): object {
  return { endpoint: { address: { socket_address: { address: host, port_value: port } } } }
}

const hostsOf = (backends: readonly BackendProcess[]): string =>
  `load_assignment: ${JSON.stringify({ cluster_name: 'main', endpoints: [{ lb_endpoints: backends.map(endpointOf) }] })}`

/** Runs what is done to the backends while clients ask; returns what the clients were told instead of `ok`. */
async function failuresUnder(
  proxy: ProxyProcess,
  backends: readonly BackendProcess[],
  blows: (scene: Scene) => Promise<void>,
): Promise<readonly string[]> {
  const clients = Array.from({ length: clientCount }, () => keepAliveClient(proxy.port('main')))
  const done = (): number => clients.reduce((sum, { answered, failures }) => sum + answered + failures.length, 0)
  const progress = async (count = calm): Promise<void> => {
    const goal = done() + count
    const deadline = performance.now() + progressTimeoutMs
    while (done() < goal) {
      if (performance.now() > deadline) throw new Error(`${proxy.kind}: ${done()} of ${goal} requests are over`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  try {
    await progress()
    await blows({ proxy, backends, progress })
    await progress()
  } finally {
    await Promise.all(clients.map((client) => client.stop()))
  }
  return clients.flatMap(({ failures }) => failures)
}

/** The same for both proxies, one after the other; never more may fail than with Envoy. */
async function compare(run: (kind: ProxyKind) => Promise<readonly string[]>): Promise<void> {
  const [envoyKind, nuncioKind] = proxyPair()
  const envoy = await run(envoyKind)
  const nuncio = await run(nuncioKind)
  console.log(`failed: ${envoy.length} through ${envoyKind}, ${nuncio.length} through ${nuncioKind}`)
  expect(nuncio.length, nuncio.join('\n')).toBeLessThanOrEqual(envoy.length)
}

async function started(kind: ProxyKind, yaml: string): Promise<ProxyProcess> {
  const proxy = await startProxy(kind, yaml, ['-l', 'error'])
  stops.push(() => proxy.stop())
  return proxy
}

it(
  'backends that are killed and come again',
  async () => {
    await compare(async (kind) => {
      const backends = await startBackends()
      const proxy = await started(kind, yamlOf(hostsOf(backends)))
      return await failuresUnder(proxy, backends, async ({ progress }) => {
        for (let round = 0; round < rounds; round++) {
          const victim = backends[round % backends.length]
          await victim.kill()
          await progress()
          await victim.start()
          await progress()
        }
      })
    })
  },
  testTimeoutMs,
)

it(
  'backends that freeze and thaw, with health checks',
  async () => {
    const check =
      'health_checks: [ { timeout: 0.3s, interval: 0.1s, no_traffic_interval: 0.1s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: { path: / } } ]'
    await compare(async (kind) => {
      const backends = await startBackends()
      const proxy = await started(kind, yamlOf(`${hostsOf(backends)}\n${check}`))
      return await failuresUnder(proxy, backends, async ({ progress }) => {
        for (let round = 0; round < rounds; round++) {
          const victim = backends[round % backends.length]
          victim.freeze()
          await progress()
          victim.thaw()
          await progress()
        }
      })
    })
  },
  testTimeoutMs,
)

it(
  'endpoints that leave a list, and die when they have left',
  async () => {
    await compare(async (kind) => {
      const backends = await startBackends()
      const folder = mkdtempSync(join(tmpdir(), 'chaos-'))
      stops.push(() => rmSync(folder, { recursive: true }))
      const path = join(folder, 'eds.json')
      let version = 0
      const list = (hosts: readonly BackendProcess[]): void => {
        const endpoints = [{ lb_endpoints: hosts.map(endpointOf) }]
        const resources = [{ '@type': assignment, cluster_name: 'main', endpoints }]
        writeFileSync(`${path}.new`, JSON.stringify({ version_info: String(++version), resources }))
        renameSync(`${path}.new`, path)
      }
      list(backends)
      const source = `{ path_config_source: { path: ${path} }, resource_api_version: V3 }`
      const proxy = await started(kind, yamlOf(`type: EDS\neds_cluster_config: { eds_config: ${source} }`))
      return await failuresUnder(proxy, backends, async ({ progress }) => {
        for (let round = 0; round < rounds; round++) {
          const victim = backends[round % backends.length]
          list(backends.filter((each) => each !== victim))
          await progress(20)
          await victim.kill()
          await progress()
          await victim.start()
          list(backends)
          await progress()
        }
      })
    })
  },
  testTimeoutMs,
)

it(
  'a name that has other addresses every time, and sometimes none',
  async () => {
    await compare(async (kind) => {
      const backends = await startBackends()
      const dns = await DnsServer.start()
      stops.push(() => dns.stop())
      dns.set('main.test', { addresses, ttlSeconds: 0 })
      const resolver = `typed_dns_resolver_config: { name: cares, typed_config: { "@type": ${cares}, resolvers: [ { socket_address: { address: 127.0.0.1, port_value: ${dns.port} } } ] } }`
      const named = hostsOf([{ host: 'main.test', port: backends[0].port } as BackendProcess])
      const proxy = await started(
        kind,
        yamlOf(`type: STRICT_DNS\ndns_lookup_family: V4_ONLY\ndns_refresh_rate: 0.05s\n${resolver}\n${named}`),
      )
      return await failuresUnder(proxy, backends, async ({ progress }) => {
        for (let round = 0; round < rounds; round++) {
          const victim = backends[round % backends.length]
          dns.set('main.test', { addresses: addresses.filter((address) => address !== victim.host), ttlSeconds: 0 })
          await victim.kill()
          await progress()
          dns.set('main.test', { responseCode: 'SERVFAIL' })
          await victim.start()
          await progress()
          dns.set('main.test', { addresses: [victim.host], ttlSeconds: 0 })
          await progress()
        }
      })
    })
  },
  testTimeoutMs,
)
