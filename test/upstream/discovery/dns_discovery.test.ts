import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DnsServer } from '../../support/dns_server.ts'
import { caresYaml, RunningDiscovery } from '../support.ts'

let dns: DnsServer
let running: RunningDiscovery[] = []

beforeEach(async () => {
  dns = await DnsServer.start()
})

afterEach(async () => {
  for (const { discovery } of running) discovery.stop()
  running = []
  await dns.stop()
})

interface Settings {
  readonly names?: readonly string[]
  readonly more?: string
  readonly resolver?: string
}

function discovery(type: string, settings: Settings = {}): RunningDiscovery {
  const endpoints = (settings.names ?? ['a.test']).map(
    (name) => `      - endpoint: {address: {socket_address: {address: ${name}, port_value: 80}}}`,
  )
  const made = new RunningDiscovery(`
- name: c
  type: ${type}
  dns_refresh_rate: 0.01s
  dns_lookup_family: ALL
  typed_dns_resolver_config: ${caresYaml(dns.port, settings.resolver)}
  load_assignment:
    cluster_name: c
    endpoints:
    - lb_endpoints:
${endpoints.join('\n')}
${settings.more ?? ''}`)
  running.push(made)
  return made
}

/** Waits for so many more questions: with one name and V4_ONLY each is one attempt. */
function moreQueries(count: number): Promise<void> {
  return dns.queried(dns.queries.length + count)
}

describe('STRICT_DNS', () => {
  it('makes every address a host', async () => {
    dns.set('a.test', { addresses: ['127.0.0.1', '127.0.0.2', '::1'] })
    const strict = discovery('STRICT_DNS')
    await strict.start()
    expect(strict.addresses).toEqual(['127.0.0.1:80', '127.0.0.2:80', '[::1]:80'])
    expect(strict.lists[0][0].map((host) => host.hostname)).toEqual(['a.test', 'a.test', 'a.test'])
    expect(strict.stats.updateAttempt.value()).toBe(1)
    expect(strict.stats.updateSuccess.value()).toBe(1)
  })

  it('follows changes, and publishes nothing where only the order changed', async () => {
    dns.set('a.test', { addresses: ['127.0.0.1', '127.0.0.2'] })
    const strict = discovery('STRICT_DNS')
    await strict.start()
    dns.set('a.test', { addresses: ['127.0.0.2', '127.0.0.1'] })
    await moreQueries(8)
    expect(strict.lists).toHaveLength(1)
    expect(strict.stats.updateNoRebuild.value()).toBeGreaterThan(0)
    dns.set('a.test', { addresses: ['127.0.0.3'] })
    await strict.hosts('127.0.0.3:80')
  })

  it.each([
    ['the name does not exist', { responseCode: 'NXDOMAIN' }],
    ['the name has no addresses', { addresses: [] }],
  ] as const)('loses its hosts when %s, which counts as a success', async (_title, zone) => {
    dns.set('a.test', { addresses: ['127.0.0.1'] })
    const strict = discovery('STRICT_DNS')
    await strict.start()
    dns.set('a.test', zone)
    await strict.hosts()
    expect(strict.stats.updateFailure.value()).toBe(0)
    expect(strict.stats.updateEmpty.value()).toBe(0)
    expect(strict.store.counter('dns.cares.not_found').value()).toBeGreaterThan(0)
    dns.set('a.test', { addresses: ['127.0.0.1'] })
    await strict.hosts('127.0.0.1:80')
  })

  it.each(['SERVFAIL', 'REFUSED'] as const)('keeps its hosts when the server answers %s', async (responseCode) => {
    dns.set('a.test', { addresses: ['127.0.0.1'] })
    const strict = discovery('STRICT_DNS', { resolver: ', query_tries: 1' })
    await strict.start()
    dns.set('a.test', { responseCode })
    await moreQueries(6)
    expect(strict.addresses).toEqual(['127.0.0.1:80'])
    expect(strict.stats.updateFailure.value()).toBeGreaterThan(0)
    expect(strict.store.counter('dns.cares.get_addr_failure').value()).toBeGreaterThan(0)
    // The channel is set up anew after such an answer, and goes on to find the next one.
    dns.set('a.test', { addresses: ['127.0.0.2'] })
    await strict.hosts('127.0.0.2:80')
    expect(strict.store.counter('dns.cares.reinits').value()).toBeGreaterThan(0)
  })

  it('counts a server that keeps silent as a timeout', async () => {
    dns.set('a.test', { silent: true })
    const strict = discovery('STRICT_DNS', { resolver: ', query_timeout_seconds: 1, query_tries: 1' })
    await strict.start()
    expect(strict.stats.updateFailure.value()).toBe(1)
    expect(strict.store.counter('dns.cares.timeouts').value()).toBe(1)
    expect(strict.store.counter('dns.cares.get_addr_failure').value()).toBe(0)
    expect(strict.store.gauge('dns.cares.pending_resolutions').value()).toBe(0)
  })

  it('asks by TCP where the answer does not fit a datagram', async () => {
    dns.set('a.test', { addresses: ['127.0.0.9'], truncateUdp: true })
    const strict = discovery('STRICT_DNS')
    await strict.start()
    expect(strict.addresses).toEqual(['127.0.0.9:80'])
    expect(dns.queries.some((query) => query.transport === 'tcp')).toBe(true)
  })

  it('starts with the first of several names and does not wait for a dead one', async () => {
    dns.set('a.test', { addresses: ['127.0.0.1'] })
    dns.set('dead.test', { silent: true })
    const strict = discovery('STRICT_DNS', { names: ['dead.test', 'a.test'] })
    await strict.start()
    expect(strict.addresses).toEqual(['127.0.0.1:80'])
  })

  it('has a host for each name that leads to an address, and one where a name repeats it', async () => {
    dns.set('a.test', { addresses: ['127.0.0.1'] })
    dns.set('b.test', { addresses: ['127.0.0.1', '127.0.0.2', '127.0.0.1'] })
    const strict = discovery('STRICT_DNS', { names: ['a.test', 'b.test'] })
    await strict.start()
    await strict.hosts('127.0.0.1:80', '127.0.0.1:80', '127.0.0.2:80')
  })

  it('takes an address for what it is, without asking', async () => {
    const strict = discovery('STRICT_DNS', { names: ['127.0.0.7'] })
    await strict.start()
    expect(strict.addresses).toEqual(['127.0.0.7:80'])
    expect(dns.queries).toEqual([])
  })

  it('starts at once without wait_for_warm_on_init', async () => {
    dns.set('a.test', { silent: true })
    const strict = discovery('STRICT_DNS', { more: '  wait_for_warm_on_init: false' })
    await strict.start()
    expect(strict.lists).toEqual([])
    dns.set('a.test', { addresses: ['127.0.0.1'] })
    await strict.hosts('127.0.0.1:80')
  })

  it('asks again no sooner than the TTL says', async () => {
    dns.set('a.test', { addresses: ['127.0.0.1'], ttlSeconds: 3600 })
    dns.set('pace.test', { addresses: ['127.0.0.2'] })
    const slow = discovery('STRICT_DNS', { more: '  respect_dns_ttl: true' })
    await slow.start()
    const pace = discovery('STRICT_DNS', { names: ['pace.test'] })
    await pace.start()
    await moreQueries(20)
    expect(dns.queries.filter(({ name }) => name === 'a.test')).toHaveLength(2)
  })

  it('asks nothing more once stopped', async () => {
    dns.set('a.test', { addresses: ['127.0.0.1'] })
    dns.set('pace.test', { addresses: ['127.0.0.2'] })
    const stopped = discovery('STRICT_DNS')
    await stopped.start()
    stopped.discovery.stop()
    const before = dns.queries.length
    const pace = discovery('STRICT_DNS', { names: ['pace.test'] })
    await pace.start()
    await moreQueries(20)
    expect(dns.queries.slice(before).every(({ name }) => name === 'pace.test')).toBe(true)
  })
})

describe('LOGICAL_DNS', () => {
  it('has one host at the first address, with the others to fall back to', async () => {
    dns.set('a.test', { addresses: ['127.0.0.1', '127.0.0.2', '::1'] })
    const logical = discovery('LOGICAL_DNS')
    await logical.start()
    expect(logical.addresses).toEqual(['127.0.0.1:80'])
    expect(logical.lists[0][0][0].additionalAddresses.map((each) => each.text)).toEqual(['127.0.0.2:80', '[::1]:80'])
  })

  it.each([
    ['NXDOMAIN', { responseCode: 'NXDOMAIN' }],
    ['no addresses', { addresses: [] }],
    ['SERVFAIL', { responseCode: 'SERVFAIL' }],
  ] as const)('keeps its host after %s, which counts as a failure', async (_title, zone) => {
    dns.set('a.test', { addresses: ['127.0.0.1'] })
    const logical = discovery('LOGICAL_DNS')
    await logical.start()
    const successes = logical.stats.updateSuccess.value()
    dns.set('a.test', zone)
    await moreQueries(8)
    expect(logical.addresses).toEqual(['127.0.0.1:80'])
    expect(logical.stats.updateFailure.value()).toBeGreaterThan(0)
    expect(successes).toBeGreaterThan(0)
    dns.set('a.test', { addresses: ['127.0.0.5'] })
    await logical.hosts('127.0.0.5:80')
  })
})

describe('cluster_type', () => {
  const typed = (more: string): string => `
- name: c
  cluster_type:
    name: any
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster
      dns_refresh_rate: 0.01s
      dns_lookup_family: V4_ONLY
      typed_dns_resolver_config: ${caresYaml(dns.port)}
${more}
  load_assignment:
    cluster_name: c
    endpoints:
    - lb_endpoints:
      - endpoint: {address: {socket_address: {address: a.test, port_value: 80}}}`

  it.each([
    ['      all_addresses_in_single_endpoint: false', ['127.0.0.1:80', '127.0.0.2:80']],
    ['      all_addresses_in_single_endpoint: true', ['127.0.0.1:80']],
  ])('DnsCluster with %s', async (more, expected) => {
    dns.set('a.test', { addresses: ['127.0.0.1', '127.0.0.2', '::1'] })
    const made = new RunningDiscovery(typed(more))
    running.push(made)
    await made.start()
    expect(made.addresses).toEqual(expected)
  })
})
