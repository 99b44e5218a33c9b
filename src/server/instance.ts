// What main and workers build alike from the bootstrap: the context, the clusters, the listeners.

import type { AccessLogManager } from '../access_log/access_log_manager.ts'
import { compileEcmascriptRegex } from '../common/ecmascript_regex.ts'
import { compileStringMatcher } from '../common/string_matcher.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import type { ExtensionRegistry } from '../config/registry.ts'
import type { Runtime } from '../config/runtime.ts'
import { checkCodecSettings } from '../http/conn_pool/codec_settings.ts'
import type { BuiltListener } from '../network/built_listener.ts'
import { globalConnectionLimit, overloadConnectionLimit } from '../network/connection_limits.ts'
import type { SharedMemory } from '../network/factory.ts'
import { buildListener } from '../network/listener_builder.ts'
import { SecretManager } from '../network/tls/secret_manager.ts'
import type { WatchedFolders } from '../network/watched_folders.ts'
import { createStatsSettings, defaultStatsSettings, parseStatsTag, type StatsSettings } from '../stats/stats_config.ts'
import type { Scope } from '../stats/store.ts'
import type { TagRegex } from '../stats/tag_extractor.ts'
import { ClusterManager } from '../upstream/cluster_manager.ts'
import type { LocalInfo, ServerContext } from '../upstream/server_context.ts'
import type { DrainManager } from './drain_decision.ts'

export interface InstanceParts {
  readonly scope: Scope
  readonly runtime: Runtime
  readonly registry: ExtensionRegistry
  readonly accessLogManager: AccessLogManager
  readonly shared: SharedMemory
  readonly folders: WatchedFolders
  readonly localInfo: LocalInfo
  readonly errors: ConfigErrors
  readonly drainManager: DrainManager
  readonly healthCheckFailed: () => boolean
  /** -1 in main. */
  readonly workerIndex: number
  readonly concurrency: number
}

/** One process's server: clusters first, since routes and filters look them up while they are built. */
export class Instance {
  readonly clusterManager: ClusterManager
  readonly context: ServerContext
  readonly listeners: BuiltListener[] = []
  readonly #drainManager: DrainManager

  constructor(bootstrap: Bootstrap, parts: InstanceParts) {
    const { errors, shared, runtime, drainManager, folders, workerIndex } = parts
    this.#drainManager = drainManager
    this.clusterManager = new ClusterManager(bootstrap.clusterManager)
    this.context = {
      scope: parts.scope,
      runtime,
      registry: parts.registry,
      accessLogManager: parts.accessLogManager,
      errors,
      shared,
      globalConnectionLimit: globalConnectionLimit(
        shared,
        runtime,
        overloadConnectionLimit(bootstrap.overloadManager, errors),
      ),
      secrets: new SecretManager(
        bootstrap.staticResources?.secrets ?? [],
        folders,
        errors,
        workerIndex < 0 ? parts.scope : undefined,
        parts.localInfo.nodeId !== '' && parts.localInfo.clusterName !== '',
      ),
      folders,
      workerIndex,
      clusterManager: this.clusterManager,
      localInfo: parts.localInfo,
      drainDecision: drainManager.forListener({ inbound: false, modifyOnly: false }),
      healthCheckFailed: parts.healthCheckFailed,
      concurrency: parts.concurrency,
    }
    this.#buildClusters(bootstrap)
    for (const view of bootstrap.staticResources?.listeners ?? []) {
      const inbound = view.trafficDirection === 'INBOUND'
      const modifyOnly = view.drainType === 'MODIFY_ONLY'
      const context = { ...this.context, drainDecision: drainManager.forListener({ inbound, modifyOnly }) }
      const built = buildListener(view, context)
      if (built !== undefined) this.listeners.push(built)
    }
  }

  #buildClusters(bootstrap: Bootstrap): void {
    const { localClusterName } = this.clusterManager
    for (const view of bootstrap.staticResources?.clusters ?? []) {
      if (this.clusterManager.get(view.name) !== undefined) {
        this.context.errors.add(view, 'name', `cluster manager: duplicate cluster '${view.name}'`)
        continue
      }
      const { info } = this.clusterManager.addOrUpdate(view, this.context)
      checkCodecSettings(info, this.context.errors)
    }
    if (localClusterName === '' || this.clusterManager.get(localClusterName) !== undefined) return
    const message = `local cluster '${localClusterName}' must be defined`
    this.context.errors.add(bootstrap.clusterManager, 'localClusterName', message)
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
