// What ring_hash and maglev read alike from their configuration.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import { HeaderMap } from '../../../common/header_map.ts'
import { compileHashPolicies } from '../../../router/route_config/hash_policy.ts'
import type { ClusterInfo } from '../../../upstream/cluster_info.ts'
import type { LoadBalancerContext } from '../../../upstream/load_balancer.ts'
import type { HashingSettings } from '../../../upstream/load_balancers/hashing_load_balancer.ts'
import { panicThreshold } from '../../../upstream/load_balancers/zone_aware_load_balancer.ts'
import type { ServerContext } from '../../../upstream/server_context.ts'

type ConsistentHashing = envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig

export function hashingSettings(
  view: ConsistentHashing | undefined,
  localityWeighted: boolean,
  info: ClusterInfo,
  context: ServerContext,
): Omit<HashingSettings, 'createTable'> {
  return {
    panicThreshold: panicThreshold(info, context.runtime),
    localityWeighted,
    balanceFactor: view?.hashBalanceFactor ?? 0,
    hash: ownHash(view, context),
  }
}

/** Those of a connection. */
const noHeaders = new HeaderMap()

/** hash_policy of the policy itself, which takes the place of the routes'. */
function ownHash(view: ConsistentHashing | undefined, context: ServerContext): HashingSettings['hash'] {
  const requestHash = compileHashPolicies(view?.hashPolicy ?? [], context.errors)
  if (requestHash === undefined) return undefined
  return (request: LoadBalancerContext) => {
    const { downstreamHeaders = noHeaders, streamInfo } = request
    if (streamInfo === undefined) return undefined
    return requestHash(downstreamHeaders, streamInfo, (cookie) => request.addCookie(cookie))
  }
}
