// Clusters of type ORIGINAL_DST: every process makes its hosts of where its requests and connections want to go.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { ClusterFactory } from '../cluster_factory.ts'
import { destinationSettings } from './destination.ts'
import { OriginalDstLoadBalancer } from './original_dst_load_balancer.ts'

type ClusterView = envoy.config.cluster.v3.Cluster

const name = 'envoy.cluster.original_dst'
const defaultCleanupIntervalMs = 5000

export function isOriginalDst({ type, clusterType }: ClusterView): boolean {
  return type === 'ORIGINAL_DST' || clusterType?.name === name
}

export const originalDstCluster: ClusterFactory = {
  category: 'envoy.clusters',
  name,
  typeUrls: [],
  createLoadBalancer(_config, { config: view }, context) {
    checkConfig(view, context.errors)
    const settings = {
      destination: destinationSettings(view.originalDstLbConfig),
      cleanupIntervalMs: view.cleanupInterval ?? defaultCleanupIntervalMs,
    }
    return new OriginalDstLoadBalancer(settings, context.onOriginalDst)
  },
  followHosts(_config, cluster) {
    if (cluster.loadBalancer instanceof OriginalDstLoadBalancer) cluster.loadBalancer.serve(cluster)
  },
}

function checkConfig(view: ClusterView, errors: ConfigErrors): void {
  if (view.lbPolicy !== 'CLUSTER_PROVIDED') {
    const text = `cluster: LB policy ${view.lbPolicy} is not valid for Cluster type ORIGINAL_DST. Only 'CLUSTER_PROVIDED' is allowed with cluster type 'ORIGINAL_DST'`
    errors.add(view, 'lbPolicy', text)
  }
  if (view.loadAssignment !== undefined)
    errors.add(view, 'loadAssignment', 'ORIGINAL_DST clusters must have no load assignment configured')
  const config = view.originalDstLbConfig
  if (config !== undefined && !config.useHttpHeader && config.httpHeaderName !== '') {
    const text = `ORIGINAL_DST cluster: invalid config http_header_name=${config.httpHeaderName} and use_http_header is false. Set use_http_header to true if http_header_name is desired.`
    errors.add(config, 'httpHeaderName', text)
  }
  if (view.healthChecks.length > 0)
    errors.add(view, 'healthChecks', 'health checks of an ORIGINAL_DST cluster are not supported')
  if (view.outlierDetection !== undefined)
    errors.warn(view, 'outlierDetection', 'outlier_detection of an ORIGINAL_DST cluster is accepted but has no effect')
}
