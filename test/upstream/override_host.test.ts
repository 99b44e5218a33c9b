/** Hosts that requests ask for, by what discovery and checks say of them, and over lists that change. */
import { describe, expect, it } from 'vitest'
import type { ActiveHealth, HostSnapshot } from '../../src/upstream/host.ts'
import type { LoadBalancerContext } from '../../src/upstream/load_balancer.ts'
import { serverContext, startCluster } from './support.ts'

const wellChecked: ActiveHealth = {
  isFailed: false,
  isDegraded: false,
  isPending: false,
  isExcluded: false,
  isTimedOut: false,
}

function host(port: number, more: Partial<HostSnapshot> = {}): HostSnapshot {
  return {
    address: { text: `127.0.0.1:${port}`, ip: '127.0.0.1', port, family: 'ipv4' },
    additionalAddresses: [],
    hostname: '',
    weight: 1,
    priority: 0,
    locality: { region: '', zone: '', subZone: '' },
    localityWeight: 0,
    metadata: {},
    healthStatus: 'UNKNOWN',
    ...more,
  }
}

function asking(port: number): LoadBalancerContext {
  return {
    hashKey: () => undefined,
    metadataMatch: () => undefined,
    attempt: 0,
    retryPriority: undefined,
    priorityLoads: undefined,
    overrideHost: { address: `127.0.0.1:${port}`, strict: true, notFoundStatus: 503 },
    downstreamConnection: undefined,
    streamInfo: undefined,
    downstreamHeaders: undefined,
    addCookie: () => {},
  }
}

function cluster(statuses?: string) {
  const common = statuses === undefined ? '' : `, common_lb_config: { override_host_status: { statuses: ${statuses} } }`
  return startCluster(`- {name: c, type: STATIC${common}}`, serverContext())
}

describe('a host that has been asked for', () => {
  it.each<[string, Partial<HostSnapshot>, string]>([
    ['unknown', {}, 'UNKNOWN'],
    ['healthy', { healthStatus: 'HEALTHY' }, 'HEALTHY'],
    ['draining', { healthStatus: 'DRAINING' }, 'DRAINING'],
    ['failed by its checks', { activeHealth: { ...wellChecked, isFailed: true } }, 'UNHEALTHY'],
    [
      'draining and failed',
      { healthStatus: 'DRAINING', activeHealth: { ...wellChecked, isFailed: true } },
      'UNHEALTHY',
    ],
    [
      'degraded by its checks',
      { healthStatus: 'HEALTHY', activeHealth: { ...wellChecked, isDegraded: true } },
      'DEGRADED',
    ],
    [
      'timed out and degraded',
      { healthStatus: 'TIMEOUT', activeHealth: { ...wellChecked, isDegraded: true } },
      'TIMEOUT',
    ],
  ])('%s', (_, health, status) => {
    const only = cluster(`[${status}]`)
    only.setHosts([[host(1), host(2, health)]])
    expect(only.chooseHost(asking(2))?.address.port).toBe(2)
    const others = ['UNKNOWN', 'HEALTHY', 'UNHEALTHY', 'DRAINING', 'TIMEOUT', 'DEGRADED'].filter(
      (each) => each !== status,
    )
    const rest = cluster(`[${others.join()}]`)
    rest.setHosts([[host(1), host(2, health)]])
    expect(rest.chooseHost(asking(2))).toBeUndefined()
  })

  it('is found in lists that come later, and not in those that are gone', () => {
    const changing = cluster()
    changing.setHosts([[host(1)]])
    expect(changing.chooseHost(asking(2))).toBeUndefined()
    changing.setHosts([[host(1)], [host(2, { priority: 1 })]])
    expect(changing.chooseHost(asking(2))?.address.port).toBe(2)
    changing.setHosts([[host(1)]])
    expect(changing.chooseHost(asking(2))).toBeUndefined()
  })
})
