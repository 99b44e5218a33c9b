// What main and workers have alike: the context of everything that is configured, and how clusters and listeners are built.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { AccessLogManager } from '../access_log/access_log_manager.ts'
import { compileEcmascriptRegex } from '../common/ecmascript_regex.ts'
import { Lifetime } from '../common/lifetime.ts'
import { compileStringMatcher } from '../common/string_matcher.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { InitManager } from '../config/init_manager.ts'
import type { Bootstrap } from '../config/load.ts'
import type { ExtensionRegistry } from '../config/registry.ts'
import type { Runtime } from '../config/runtime.ts'
import type { WatchedResources } from '../config/watched_resources.ts'
import { checkCodecSettings } from '../http/conn_pool/codec_settings.ts'
import type { BuiltListener } from '../network/built_listener.ts'
import { globalConnectionLimit, overloadConnectionLimit } from '../network/connection_limits.ts'
import type { SharedMemory } from '../network/factory.ts'
import { buildListener } from '../network/listener_builder.ts'
import { SecretManager } from '../network/tls/secret_manager.ts'
import type { WatchedFolders } from '../network/watched_folders.ts'
import { compileMirrorPolicies } from '../router/route_config/mirror_policy.ts'
import { createStatsSettings, defaultStatsSettings, parseStatsTag, type StatsSettings } from '../stats/stats_config.ts'
import { StatsOwner } from '../stats/stats_owner.ts'
import type { Scope } from '../stats/store.ts'
import type { TagRegex } from '../stats/tag_extractor.ts'
import type { CreateGrpcClient } from '../upstream/async_grpc_client.ts'
import { buildCluster } from '../upstream/build_cluster.ts'
import type { Cluster } from '../upstream/cluster.ts'
import { ClusterManager } from '../upstream/cluster_manager.ts'
import { DnsCaches, type DnsDemand } from '../upstream/dns_cache/dns_caches.ts'
import type { Host } from '../upstream/host.ts'
import type { LocalInfo, ServerContext } from '../upstream/server_context.ts'
import type { DrainManager } from './drain_decision.ts'
import { OverloadManager } from './overload/overload_manager.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type ListenerView = envoy.config.listener.v3.Listener

export interface InstanceParts {
  readonly scope: Scope
  readonly runtime: Runtime
  readonly registry: ExtensionRegistry
  readonly accessLogManager: AccessLogManager
  readonly shared: SharedMemory
  readonly folders: WatchedFolders
  readonly resources: WatchedResources
  readonly localInfo: LocalInfo
  readonly errors: ConfigErrors
  readonly drainManager: DrainManager
  readonly dnsDemand: DnsDemand
  readonly healthCheckFailed: () => boolean
  readonly onUnhealthyHost: (host: Host) => void
  readonly onOutlier: ServerContext['onOutlier']
  readonly onOriginalDst: ServerContext['onOriginalDst']
  /** -1 in main. */
  readonly workerIndex: number
  readonly concurrency: number
  readonly createGrpcClient: CreateGrpcClient
}

/** One process's server, without listeners and clusters: those come and go. */
export class Instance {
  readonly clusterManager: ClusterManager
  /** The server's own: what listeners and clusters are built with is made of it by `contextFor`. */
  readonly context: ServerContext
  readonly overloadManager: OverloadManager
  readonly #drainManager: DrainManager

  constructor(bootstrap: Bootstrap, parts: InstanceParts) {
    const { errors, shared, runtime, drainManager, folders, workerIndex } = parts
    this.#drainManager = drainManager
    this.clusterManager = new ClusterManager(bootstrap.clusterManager)
    const connectionLimit = globalConnectionLimit(shared, runtime, overloadConnectionLimit(bootstrap.overloadManager))
    this.overloadManager = new OverloadManager(bootstrap.overloadManager, {
      scope: parts.scope,
      errors,
      registry: parts.registry,
      runtime,
      workerIndex,
      concurrency: parts.concurrency,
      shared,
      downstreamConnections: () => connectionLimit.active(),
    })
    this.context = {
      scope: parts.scope,
      runtime,
      registry: parts.registry,
      accessLogManager: parts.accessLogManager,
      errors,
      shared,
      globalConnectionLimit: connectionLimit,
      overload: this.overloadManager.state,
      secrets: new SecretManager(
        bootstrap.staticResources?.secrets ?? [],
        parts.scope,
        parts.localInfo.nodeId !== '' && parts.localInfo.clusterName !== '',
        errors,
      ),
      folders,
      resources: parts.resources,
      initManager: new InitManager(),
      lifetime: new Lifetime(),
      statsOwner: new StatsOwner(),
      workerIndex,
      clusterManager: this.clusterManager,
      dnsCaches: new DnsCaches({ scope: parts.scope, runtime, shared, demand: parts.dnsDemand }),
      localInfo: parts.localInfo,
      drainDecision: drainManager.forListener({ inbound: false, modifyOnly: false }),
      healthCheckFailed: parts.healthCheckFailed,
      onUnhealthyHost: parts.onUnhealthyHost,
      onOutlier: parts.onOutlier,
      onOriginalDst: parts.onOriginalDst,
      concurrency: parts.concurrency,
      createGrpcClient: parts.createGrpcClient,
    }
  }

  /**
   * For one listener or cluster: what it begins ends with a lifetime of its own, it owns its stats, and it tells what it
   * waits for.
   */
  contextFor(errors: ConfigErrors): ServerContext {
    const statsOwner = new StatsOwner()
    const own: Partial<ServerContext> = {
      errors,
      lifetime: new Lifetime(),
      initManager: new InitManager(),
      statsOwner,
      scope: this.context.scope.ownedBy(statsOwner),
    }
    return Object.assign(Object.create(this.context) as ServerContext, own)
  }

  /** What is wrong goes to the context's errors; the cluster is not in force before it is put into the cluster manager. */
  buildCluster(view: ClusterView, context: ServerContext): Cluster {
    const cluster = buildCluster(view, context, (policies) => compileMirrorPolicies(policies, [], false, context))
    checkCodecSettings(cluster.info, context.errors)
    return cluster
  }

  /** As `buildListener`, with the drain that the listener follows. */
  buildListener(view: ListenerView, context: ServerContext, previous?: BuiltListener): BuiltListener | undefined {
    const inbound = view.trafficDirection === 'INBOUND'
    const modifyOnly = view.drainType === 'MODIFY_ONLY'
    const drainDecision = this.#drainManager.forListener({ inbound, modifyOnly })
    return buildListener(view, Object.assign(context, { drainDecision }), previous)
  }

  setDrain(state: DrainManager['state']): void {
    this.#drainManager.state = state
  }
}

/** A stats tag's pattern, as the tag extractors use it. */
function compileTagRegex(pattern: string): TagRegex {
  const regex = compileEcmascriptRegex(pattern)
  return { find: (text) => regex.exec(text)?.indices }
}

/** stats_config and --stats-tag, compiled. */
export function statsSettings(bootstrap: Bootstrap, tags: readonly string[], errors: ConfigErrors): StatsSettings {
  const commandLineTags = tags.map(parseStatsTag)
  const view = bootstrap.statsConfig
  if (view === undefined) return defaultStatsSettings(commandLineTags)
  return createStatsSettings(view, commandLineTags, {
    compileMatcher: compileStringMatcher,
    compileRegex: compileTagRegex,
    addError: (at, field, message) => errors.add(at, field, message),
  })
}
