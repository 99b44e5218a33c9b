// What of a ConfigSource can be wrong, in Envoy's words.

import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import type { LocalInfo } from '../upstream/server_context.ts'
import { defaultBackOff } from './discovery_stream.ts'

export type ApiConfigSource = envoy.config.core.v3.ApiConfigSource

const named = 'envoy.config.core.v3.ApiConfigSource'

/** Whether the API of a subscription's own, or with `isAggregated` the aggregated one, can be asked. Errors point to `at`. */
export function checkApiConfigSource(
  api: ApiConfigSource,
  clusterManager: ClusterManager,
  isAggregated: boolean,
  errors: ConfigErrors,
  at: object = api,
): boolean {
  const problem = apiProblem(api, clusterManager, isAggregated)
  if (problem !== undefined) errors.add(at, problem.field, problem.message)
  return problem === undefined
}

interface Problem {
  readonly field: keyof ApiConfigSource | undefined
  readonly message: string
}

function apiProblem(api: ApiConfigSource, clusters: ClusterManager, isAggregated: boolean): Problem | undefined {
  if (api.transportApiVersion === 'V2')
    return { field: 'transportApiVersion', message: `V2 xDS transport protocol version is deprecated in ${named}` }
  const isGrpc = api.apiType === 'GRPC' || api.apiType === 'DELTA_GRPC'
  if (isAggregated && !isGrpc) return { field: 'apiType', message: `${named} type must be of non-aggregated gRPC` }
  if (api.apiType.startsWith('AGGREGATED'))
    return { field: 'apiType', message: `Unsupported config source ${api.apiType}` }
  if (api.clusterNames.length === 0 && api.grpcServices.length === 0)
    return { field: undefined, message: 'API configs must have either a gRPC service or a cluster name defined' }
  return isGrpc ? grpcProblem(api, clusters, isAggregated) : restProblem(api, clusters)
}

function grpcProblem(api: ApiConfigSource, clusters: ClusterManager, isAggregated: boolean): Problem | undefined {
  const types = `${named}::(AGGREGATED_)(DELTA_)GRPC`
  if (api.clusterNames.length > 0)
    return { field: 'clusterNames', message: `${types} must not have a cluster name specified` }
  if (api.grpcServices.length > 1)
    return { field: 'grpcServices', message: `${types} must have no more than 1 gRPC services specified` }
  const clusterName = api.grpcServices[0].envoyGrpc?.clusterName
  if (clusterName === undefined || clusters.get(clusterName) !== undefined) return undefined
  const message = isAggregated ? `Unknown gRPC client cluster '${clusterName}'` : missingCluster(clusterName)
  return { field: 'grpcServices', message }
}

function restProblem(api: ApiConfigSource, clusters: ClusterManager): Problem | undefined {
  if (api.grpcServices.length > 0) {
    const message = `${named}, if not a gRPC type, must not have a gRPC service specified`
    return { field: 'grpcServices', message }
  }
  if (api.clusterNames.length !== 1)
    return { field: 'clusterNames', message: `${named} must have a singleton cluster name specified` }
  const [clusterName] = api.clusterNames
  if (clusters.get(clusterName) === undefined) return { field: 'clusterNames', message: missingCluster(clusterName) }
  if (api.apiType !== 'REST') return { field: 'apiType', message: `Unsupported config source ${api.apiType}` }
  if (api.refreshDelay === undefined)
    return { field: 'refreshDelay', message: 'refresh_delay is required for REST API configuration sources' }
  return undefined
}

function missingCluster(name: string): string {
  return `${named} must have a statically defined non-EDS cluster: '${name}' does not exist, was added via api, or is an EDS cluster`
}

/** Management servers tell proxies apart by this; `who` asks. */
export function checkLocalInfo(who: string, localInfo: LocalInfo, at: object, errors: ConfigErrors): boolean {
  if (localInfo.nodeId !== '' && localInfo.clusterName !== '') return true
  const ways = "Set it either in 'node' config or via --service-node and --service-cluster options."
  errors.add(at, undefined, `${who}: node 'id' and 'cluster' are required. ${ways}`)
  return false
}

/** Of `grpc_services[0].envoy_grpc.retry_policy`. */
export function streamBackOff(
  api: ApiConfigSource,
  errors: ConfigErrors,
): { readonly baseMs: number; readonly maxMs: number } {
  const view = api.grpcServices[0]?.envoyGrpc?.retryPolicy?.retryBackOff
  const baseMs = view?.baseInterval
  if (view === undefined || baseMs === undefined) return defaultBackOff
  const maxMs = view.maxInterval ?? baseMs * 10
  if (maxMs < baseMs) errors.add(view, 'maxInterval', 'max_interval must be greater than or equal to the base_interval')
  return { baseMs: Math.max(1, baseMs), maxMs: Math.max(1, baseMs, maxMs) }
}

/** Whether the file is there, and the folder to watch. */
export function checkPath(view: object, field: string, path: string, watched: string, errors: ConfigErrors): boolean {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    errors.add(view, field, `paths must refer to an existing path in the system: '${path}' does not exist`)
    return false
  }
  if (statSync(watched, { throwIfNoEntry: false }) !== undefined) return true
  const message = `unable to add filesystem watch for file ${watched}/: No such file or directory`
  errors.add(view, 'watchedDirectory', message)
  return false
}

/** The folder whose changes tell of a new file. */
export function watchedFolder(path: string, watched: string | undefined): string {
  return watched ?? dirname(path)
}
