// envoy.load_balancing_policies.override_host

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../../config/errors.ts'
import { listedPolicy } from '../../../upstream/listed_policy.ts'
import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'
import {
  OverrideHostLoadBalancer,
  type OverrideSource,
} from '../../../upstream/load_balancers/override_host_load_balancer.ts'
import { clusterProvided } from '../cluster_provided/config.ts'

type OverrideHost = envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost
type SourceView = envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost.OverrideHostSource
type MetadataKey = envoy.type.metadata.v3.MetadataKey

export const overrideHost: LoadBalancerFactory<OverrideHost> = {
  category: 'envoy.load_balancing_policies',
  name: 'envoy.load_balancing_policies.override_host',
  typeUrls: ['envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost'],
  createLoadBalancer(config, info, context) {
    const { errors } = context
    const sources = config.overrideHostSources.flatMap((each) => compileSource(each, errors))
    const complaint = (wanted: string): string =>
      `dynamic forwarding LB: didn't find a registered fallback load balancer factory with names from ${wanted}`
    const fallback = listedPolicy(config.fallbackPolicy, config, 'fallbackPolicy', context, complaint)
    const balancer = fallback?.create(info, context) ?? clusterProvided.createLoadBalancer(undefined, info, context)
    const key = config.selectedHostKey
    const selectedHostKey = key === undefined ? undefined : { namespace: key.key, path: pathOf(key) }
    return new OverrideHostLoadBalancer({ sources, selectedHostKey }, balancer)
  },
}

function compileSource(view: SourceView, errors: ConfigErrors): OverrideSource[] {
  const { header, metadata } = view
  if (header === '' && metadata === undefined) {
    errors.add(view, undefined, 'Empty override source')
    return []
  }
  if (header !== '' && metadata !== undefined) {
    errors.add(view, 'metadata', 'Only one override source must be set')
    return []
  }
  if (metadata === undefined) {
    const name = header.toLowerCase()
    // Of several headers with the name only the first counts.
    return [({ downstreamHeaders }) => downstreamHeaders?.getAll(name)[0]]
  }
  const path = pathOf(metadata)
  return [
    ({ streamInfo }) => {
      const value = path.reduce<unknown>(memberOf, streamInfo?.dynamicMetadata[metadata.key])
      return typeof value === 'string' ? value : undefined
    },
  ]
}

function pathOf({ path }: MetadataKey): string[] {
  return path.map((segment) => segment.key ?? '')
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Record<string, unknown>)[name]
}
