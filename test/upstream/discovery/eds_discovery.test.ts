import { afterEach, describe, expect, it, vi } from 'vitest'
import type { envoy } from '../../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../../src/config/errors.ts'
import { createLocalStore } from '../../../src/stats/store.ts'
import { clusterStats } from '../../../src/upstream/cluster_stats.ts'
import { createDiscovery, type Priorities } from '../../../src/upstream/discovery/discovery.ts'
import { EdsDiscovery } from '../../../src/upstream/discovery/eds_discovery.ts'
import type { AssignmentPolicy } from '../../../src/upstream/priority_set.ts'
import { clusterViews } from '../support.ts'

type ClusterLoadAssignment = envoy.config.endpoint.v3.ClusterLoadAssignment

/** The load assignment that a YAML flow mapping's fields make. */
function assignment(fields: string): ClusterLoadAssignment {
  const view = clusterViews(`- {name: c, load_assignment: {cluster_name: c, ${fields}}}`)[0].loadAssignment
  if (view === undefined) throw new Error('no load assignment')
  return view
}

const endpoint = (ip: string, more = ''): string =>
  `{endpoint: {address: {socket_address: {address: "${ip}", port_value: 80}}}${more}}`
const one = (fields: string): string => `endpoints: [{lb_endpoints: [${fields}]}]`

class Fed {
  readonly store = createLocalStore()
  readonly stats = clusterStats(this.store.createScope('cluster.c'), true)
  readonly discovery: EdsDiscovery
  readonly given: { priorities: Priorities; policy: AssignmentPolicy | undefined }[] = []
  started = false

  constructor(more = '') {
    const yaml = `- {name: c, type: EDS, eds_cluster_config: {eds_config: {ads: {}}${more}}${hashing}}`
    const discovery = createDiscovery(clusterViews(yaml)[0], this.stats, new ConfigErrors(), { localClusterName })
    if (!(discovery instanceof EdsDiscovery)) throw new Error('no EDS')
    this.discovery = discovery
    void discovery
      .start((priorities, policy) => this.given.push({ priorities, policy }))
      .then(() => {
        this.started = true
      })
  }

  update(fields: string): string[] {
    const errors = new ConfigErrors()
    const accepted = this.discovery.update(assignment(fields), errors)
    const messages = errors.errors.map((issue) => issue.message)
    expect(accepted).toBe(messages.length === 0)
    return messages
  }

  get hosts(): string[][] {
    return (this.given.at(-1)?.priorities ?? []).map((hosts) => hosts.map((host) => host.address.text))
  }
}

let hashing = ''
let localClusterName = ''

afterEach(() => {
  hashing = ''
  localClusterName = ''
  vi.useRealTimers()
})

describe('EDS', () => {
  it('subscribes to the service name, or the name', () => {
    expect(new Fed().discovery.serviceName).toBe('c')
    expect(new Fed(', service_name: s').discovery.serviceName).toBe('s')
  })

  it('needs a config', () => {
    const errors = new ConfigErrors()
    createDiscovery(
      clusterViews('- {name: c, type: EDS}')[0],
      clusterStats(createLocalStore().createScope('c'), true),
      errors,
    )
    expect(errors.errors[0].message).toBe('cannot create an EDS cluster without an EDS config')
  })

  it('is started by the first assignment, by an answer without one, or by being told that there will be none', async () => {
    const fed = [new Fed(), new Fed(), new Fed(), new Fed()]
    fed[0].update('endpoints: []')
    fed[1].discovery.onEmpty()
    fed[2].discovery.firstFetchOver()
    await new Promise(setImmediate)
    expect(fed.map((each) => each.started)).toEqual([true, true, true, false])
    expect(fed[1].stats.updateEmpty.value()).toBe(1)
  })

  it('leaves gaps of priorities, and of endpoints at one address takes the first', () => {
    const fed = new Fed()
    const list = [endpoint('127.0.0.1'), endpoint('127.0.0.1', ', load_balancing_weight: 7'), endpoint('::1')]
    const second = `{priority: 2, lb_endpoints: [${endpoint('127.0.0.1')}, ${endpoint('127.0.0.2')}]}`
    fed.update(`endpoints: [{lb_endpoints: [${list}]}, ${second}]`)
    expect(fed.hosts).toEqual([['127.0.0.1:80', '[::1]:80'], [], ['127.0.0.2:80']])
    expect(fed.given[0].priorities[0][0].weight).toBe(1)
    expect(fed.stats.defaultTotalMatchCount.value()).toBe(3)
  })

  it('the last weight of a locality counts, and one without a name has none', () => {
    const fed = new Fed()
    const group = (weight: number, ip: string, locality: string): string =>
      `{load_balancing_weight: ${weight}, ${locality}lb_endpoints: [${endpoint(ip)}]}`
    const groups = [group(1, '127.0.0.1', 'locality: {zone: a}, '), group(2, '127.0.0.2', 'locality: {zone: a}, ')]
    fed.update(`endpoints: [${[...groups, group(5, '127.0.0.3', '')]}]`)
    expect(fed.given[0].priorities[0].map((host) => host.localityWeight)).toEqual([2, 2, 0])
  })

  it('the same again is no news', () => {
    const fed = new Fed()
    fed.update('endpoints: []')
    expect(fed.stats.updateNoRebuild.value()).toBe(1)
    fed.update(one(endpoint('127.0.0.1')))
    fed.update(one(endpoint('127.0.0.1')))
    expect(fed.stats.updateNoRebuild.value()).toBe(2)
    expect(fed.given.filter(({ priorities }) => priorities[0].length > 0)).toHaveLength(1)
    fed.update(one(endpoint('127.0.0.1', ', health_status: DRAINING')))
    expect(fed.hosts).toEqual([['127.0.0.1:80']])
    expect(fed.given.at(-1)?.priorities[0][0].healthStatus).toBe('DRAINING')
  })

  it('a change of what is dropped is told, though no hosts change', () => {
    const fed = new Fed()
    const drop = (numerator: number): string =>
      `${one(endpoint('127.0.0.1'))}, policy: {drop_overloads: [{category: x, drop_percentage: {numerator: ${numerator}}}]}`
    fed.update(drop(50))
    fed.update(drop(25))
    expect(fed.given.map(({ policy }) => policy?.dropOverload?.millionths)).toEqual([500_000, 250_000])
    expect(fed.stats.updateNoRebuild.value()).toBe(1)
  })

  it.each([
    [one(endpoint('foo.bar')), /^malformed IP address: foo\.bar\. Consider setting resolver_name or setting cluster/],
    [one('{endpoint_name: x}'), /^address is necessary/],
    [
      `endpoints: [{lb_endpoints: [${endpoint('::1')}], leds_cluster_locality_config: {leds_config: {ads: {}}, leds_collection_name: "x"}}]`,
      /^A ClusterLoadAssignment for cluster c cannot include both LEDS \(resource: x\) and a list of endpoints\.$/,
    ],
    [
      'policy: {drop_overloads: [{category: x, drop_percentage: {numerator: 150}}]}',
      /^Cluster drop_overloads config is invalid\. drop_ratio=1\.5\(Numerator 150 \/ Denominator 100\)\. The valid range is 0~1\.$/,
    ],
    [
      'policy: {drop_overloads: [{category: a}, {category: b}]}',
      /^Cluster drop_overloads config has 2 categories\. Envoy only support one\.$/,
    ],
  ])('refuses %s, and the hosts stay', (fields, message) => {
    const fed = new Fed()
    fed.update(one(endpoint('127.0.0.1')))
    expect(fed.update(fields)).toEqual([expect.stringMatching(message)])
    expect(fed.hosts).toEqual([['127.0.0.1:80']])
  })

  it.each([', lb_policy: RING_HASH', ', lb_policy: MAGLEV'])('%s adds weights up to 4294967295 only', (more) => {
    hashing = more
    const heavy = [
      endpoint('127.0.0.1', ', load_balancing_weight: 4294967295'),
      endpoint('127.0.0.2', ', load_balancing_weight: 1'),
    ]
    const text = 'The sum of weights of all upstream hosts in a locality exceeds 4294967295'
    expect(new Fed().update(one(heavy.join(', ')))).toEqual([text])
    hashing = ''
    expect(new Fed().update(one(heavy.join(', ')))).toEqual([])
  })

  it('takes additional addresses, and warns of those that cannot be tried', () => {
    const fed = new Fed()
    const more = (port: number): string => `{address: {socket_address: {address: 127.0.0.2, port_value: ${port}}}}`
    const at = '{socket_address: {address: 127.0.0.1, port_value: 80}}'
    const errors = new ConfigErrors()
    const view = assignment(one(`{endpoint: {address: ${at}, additional_addresses: [${more(80)}, ${more(81)}]}}`))
    expect(fed.discovery.update(view, errors)).toBe(true)
    expect(fed.given[0].priorities[0][0].additionalAddresses.map((each) => each.text)).toEqual([
      '127.0.0.2:80',
      '127.0.0.2:81',
    ])
    expect(errors.issues.map(({ severity, message }) => `${severity}: ${message}`)).toEqual([
      "warning: an additional address is tried only with the port of the endpoint's own, 80",
    ])
  })

  it('has one priority where it is the own cluster', () => {
    localClusterName = 'c'
    const text = "Unexpected non-zero priority for local cluster 'c'."
    expect(new Fed().update('endpoints: [{priority: 1}]')).toEqual([text])
    expect(new Fed().update('endpoints: [{priority: 0}]')).toEqual([])
  })

  it('drops hosts that nobody confirms in time', () => {
    vi.useFakeTimers()
    const fed = new Fed()
    const fields = `${one(endpoint('127.0.0.1'))}, policy: {endpoint_stale_after: 10s}`
    fed.update(fields)
    vi.advanceTimersByTime(9000)
    fed.update(fields)
    vi.advanceTimersByTime(9999)
    expect(fed.hosts).toEqual([['127.0.0.1:80']])
    vi.advanceTimersByTime(1)
    expect(fed.hosts).toEqual([[]])
    expect(fed.stats.assignmentTimeoutReceived.value()).toBe(2)
    expect(fed.stats.assignmentStale.value()).toBe(1)
    fed.update(one(endpoint('127.0.0.2')))
    vi.advanceTimersByTime(20_000)
    expect(fed.hosts).toEqual([['127.0.0.2:80']])
  })
})
