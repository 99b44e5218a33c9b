import { afterEach, expect, it } from 'vitest'
import { ipAddress } from '../../src/network/address.ts'
import { bareConnection } from '../../src/stream_info/bare_connection.ts'
import { StreamInfo } from '../../src/stream_info/stream_info.ts'
import { buildCluster } from '../../src/upstream/build_cluster.ts'
import type { LoadBalancerContext } from '../../src/upstream/load_balancer.ts'
import { clusterViews, serverContext } from './support.ts'

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

function chosen(state: unknown): string | undefined {
  const view = clusterViews('- {name: c, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED}')[0]
  const cluster = buildCluster(view, serverContext())
  stops.push(() => cluster.destroy())
  const client = ipAddress('127.0.0.1', 1)
  const streamInfo = new StreamInfo(bareConnection(1, client, client), 0, 0)
  streamInfo.filterState.set('envoy.network.transport_socket.original_dst_address', state)
  const context: LoadBalancerContext = {
    hashKey: () => undefined,
    metadataMatch: () => undefined,
    attempt: 0,
    priorityLoads: undefined,
    retryPriority: undefined,
    downstreamConnection: undefined,
    downstreamHeaders: undefined,
    streamInfo,
    addCookie: () => {},
  }
  return cluster.chooseHost(context)?.address.text
}

it.each([
  ['10.9.0.1:80', '10.9.0.1:80'],
  ['[FD00:0::1]:80', '[fd00::1]:80'],
  [{ serializeAsString: () => '10.9.0.1:81' }, '10.9.0.1:81'],
  ['10.9.0.1', undefined],
  [7, undefined],
])('filter state %j leads to %s', (state, address) => {
  expect(chosen(state)).toBe(address)
})
