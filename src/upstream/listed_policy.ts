// A `LoadBalancingPolicy` message: a list of policies, of which the first that is known here counts.

import type { envoy, TypedConfig } from '../../proto/generated/api.d.ts'
import { absenceNote } from '../config/registry.ts'
import type { ClusterInfo } from './cluster_info.ts'
import type { LoadBalancer } from './load_balancer.ts'
import type { LoadBalancerFactory } from './load_balancer_factory.ts'
import type { ServerContext } from './server_context.ts'

type PolicyList = envoy.config.cluster.v3.LoadBalancingPolicy

const category = 'envoy.load_balancing_policies'

/** A policy with its configuration; each load balancer it makes has hosts of its own. */
export interface PolicyFactory {
  readonly typeUrl: string
  create(info: ClusterInfo, context: ServerContext): LoadBalancer
}

/** Undefined after reporting, at `owner` and `field`, what `complaint` makes of the names that are not known. */
export function listedPolicy(
  list: PolicyList | undefined,
  owner: object,
  field: string,
  context: ServerContext,
  complaint: (wanted: string) => string,
): PolicyFactory | undefined {
  const policies = list?.policies ?? []
  const known = context.registry.inCategory<LoadBalancerFactory>(category)
  for (const { typedExtensionConfig: extension } of policies) {
    const config = extension?.typedConfig
    const factory = known.find((each) => each.typeUrls.includes(config?.typeUrl ?? ''))
    if (factory !== undefined && config !== undefined) return bound(factory, config)
    // Others in the list may be there for proxies of another kind, but Envoy would take this one.
    const note = absenceNote(config?.typeUrl ?? '')
    if (extension !== undefined && note !== '')
      context.errors.warn(extension, 'typedConfig', `load balancing policy ${extension.name} is passed over${note}`)
  }
  const wanted = policies.map((policy) => policy.typedExtensionConfig?.name).join(', ')
  context.errors.add(owner, field, complaint(wanted))
  return undefined
}

/** Undefined after reporting that there is no such policy. */
export function policyOfType(config: TypedConfig, context: ServerContext): PolicyFactory | undefined {
  const extension = { name: config.typeUrl, typedConfig: config }
  const factory = context.registry.lookup<LoadBalancerFactory>(category, extension, context.errors)
  return factory === undefined ? undefined : bound(factory, config)
}

function bound(factory: LoadBalancerFactory, { typeUrl, value }: TypedConfig): PolicyFactory {
  return { typeUrl, create: (info, context) => factory.createLoadBalancer(value, info, context) }
}
