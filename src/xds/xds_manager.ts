// All of a server's subscriptions: the aggregated stream (ADS) that many share, and those that have a source of their own.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Runtime } from '../config/runtime.ts'
import { createGrpcClient, type GrpcContext } from '../grpc/grpc_service.ts'
import type { WatchedFolders } from '../network/watched_folders.ts'
import type { Scope } from '../stats/store.ts'
import {
  type AuthoritySource,
  authoritiesFlag,
  createAuthoritySources,
  findAuthoritySource,
  type SharedSources,
} from './authority_sources.ts'
import { type CollectionLocator, collectionName } from './collection_locator.ts'
import {
  type ApiConfigSource,
  checkApiConfigSource,
  checkLocalInfo,
  checkPath,
  streamBackOff,
  watchedFolder,
} from './config_source.ts'
import { ControlPlaneStats } from './control_plane_stats.ts'
import { deltaProtocol } from './delta_protocol.ts'
import { FilesystemSubscription } from './filesystem_subscription.ts'
import type { GrpcMux } from './grpc_mux.ts'
import { GrpcSubscription } from './grpc_subscription.ts'
import { defaultInitialFetchTimeoutMs } from './initial_fetch.ts'
import type { ReadOptions } from './read_resource.ts'
import {
  aggregatedDeltaMethod,
  aggregatedStreamMethod,
  type ResourceType,
  resourceType,
  typeUrlOf,
} from './resource_types.ts'
import { RestClient } from './rest_client.ts'
import { RestSubscription } from './rest_subscription.ts'
import { SilentMux } from './silent_mux.ts'
import { sotwProtocol } from './sotw_protocol.ts'
import { StreamMux } from './stream_mux.ts'
import type { ConfigSource, Subscription, SubscriptionCallbacks, SubscriptionFactory } from './subscription.ts'
import { UpdateStats } from './update_stats.ts'

const defaultRequestTimeoutMs = 1000

export interface XdsContext extends GrpcContext {
  /** What the management server is told of this server. */
  readonly node: () => envoy.config.core.v3.Node
  /** What the names of collections tell of it. */
  readonly nodeContextParams: () => Readonly<Record<string, string>>
  readonly runtime: Runtime
  readonly folders: WatchedFolders
  readonly readOptions: ReadOptions
}

/** One subscription that is being made. */
interface Request {
  readonly source: ConfigSource
  readonly type: ResourceType
  readonly callbacks: SubscriptionCallbacks
  readonly scope: Scope
  readonly errors: ConfigErrors
  /** What to ask for instead of all. */
  readonly collection: string | undefined
}

export class XdsManager implements SubscriptionFactory {
  readonly #context: XdsContext
  readonly #ads: GrpcMux
  readonly #isAdsDelta: boolean
  readonly #authorities: readonly AuthoritySource[]

  /** The clusters of the sources must be there. What is wrong with them is reported to `errors`. */
  constructor(sources: SharedSources, context: XdsContext, errors: ConfigErrors) {
    const { adsConfig } = sources
    this.#context = context
    this.#isAdsDelta = adsConfig?.apiType === 'DELTA_GRPC'
    this.#ads = (adsConfig === undefined ? undefined : this.#createAds(adsConfig, errors)) ?? new SilentMux()
    this.#authorities = createAuthoritySources(sources, (api) => this.#createAuthorityMux(api, errors), errors)
    if (this.#usesAuthorities) return
    for (const { source } of this.#authorities)
      errors.warn(source, 'authorities', `nothing is asked of it without the runtime's ${authoritiesFlag}`)
  }

  get #usesAuthorities(): boolean {
    return this.#context.runtime.getBoolean(authoritiesFlag, false)
  }

  /** Opens the aggregated streams, when the clusters that they may need have their hosts. */
  start(): void {
    this.#ads.start()
    for (const { mux } of this.#authorities) mux.start()
  }

  /** Subscriptions are stopped by those who made them. */
  stop(): void {
    this.#ads.stop()
    for (const { mux } of this.#authorities) mux.stop()
  }

  pause(typeUrl: string): () => void {
    return this.#ads.pause(typeUrl)
  }

  create(
    source: ConfigSource,
    typeUrl: string,
    callbacks: SubscriptionCallbacks,
    scope: Scope,
    at: object,
    errors: ConfigErrors,
    subject?: string | CollectionLocator,
  ): Subscription | undefined {
    const locator = typeof subject === 'string' ? undefined : subject
    const collection = locator && this.#collectionName(locator, source, typeUrl, errors)
    if (locator !== undefined && collection === undefined) return undefined
    const request: Request = { source, type: resourceType(typeUrl), callbacks, scope, errors, collection }
    if (typeof subject === 'string' && this.#usesAuthorities) {
      let found: AuthoritySource | undefined
      try {
        found = findAuthoritySource(this.#authorities, typeUrl, subject)
      } catch (error) {
        errors.add(at, undefined, (error as Error).message)
        return undefined
      }
      if (found !== undefined) return this.#createGrpc({ ...request, source: found.source }, found.mux, false)
    }
    if (source.authorities.length > 0)
      errors.warn(source, 'authorities', 'accepted but without effect: authorities are for config_sources')
    if (source.resourceApiVersion === 'V2')
      errors.warn(source, 'resourceApiVersion', 'resources are those of V3, whatever is asked for')
    switch (source.configSourceSpecifier) {
      case 'path':
        return this.#createFilesystem(request, source, source.path!, undefined)
      case 'pathConfigSource': {
        const { path, watchedDirectory } = source.pathConfigSource!
        return this.#createFilesystem(request, source.pathConfigSource!, path, watchedDirectory?.path)
      }
      case 'apiConfigSource':
        return this.#createApi(request, source.apiConfigSource!)
      case 'ads':
        if (this.#ads instanceof SilentMux)
          errors.warn(source, 'ads', 'the bootstrap has no usable ads_config: nothing will come of this', {
            atKey: true,
          })
        return this.#createGrpc(request, this.#ads, false)
      default:
        errors.add(at, undefined, 'Missing config source specifier in envoy::config::core::v3::ConfigSource', {
          expected: 'ads, api_config_source or path_config_source',
        })
        return undefined
    }
  }

  #collectionName(locator: CollectionLocator, source: ConfigSource, typeName: string, errors: ConfigErrors) {
    const from = { source, typeName, isAdsDelta: this.#isAdsDelta }
    return collectionName(locator, from, this.#context.nodeContextParams(), errors)
  }

  #createAuthorityMux(api: ApiConfigSource, errors: ConfigErrors): GrpcMux | undefined {
    const apiType = api.apiType === 'AGGREGATED_DELTA_GRPC' ? 'DELTA_GRPC' : 'GRPC'
    return this.#createAds({ ...api, apiType }, errors, api)
  }

  #createAds(api: ApiConfigSource, errors: ConfigErrors, at: object = api): GrpcMux | undefined {
    if (!checkApiConfigSource(api, this.#context.clusterManager, true, errors, at)) return undefined
    if (!checkLocalInfo('ads', this.#context.localInfo, at, errors)) return undefined
    const method = api.apiType === 'DELTA_GRPC' ? aggregatedDeltaMethod : aggregatedStreamMethod
    return this.#createMux(api, method, this.#context.scope, errors)
  }

  #createMux(api: ApiConfigSource, method: string, scope: Scope, errors: ConfigErrors): GrpcMux | undefined {
    const { node, readOptions } = this.#context
    const client = createGrpcClient(api.grpcServices[0], this.#context, errors)
    if (client === undefined) return undefined
    const settings = {
      client,
      method,
      backOff: streamBackOff(api, errors),
      rateLimit: api.rateLimitSettings,
      stats: new ControlPlaneStats(scope),
      node,
      skipSubsequentNode: api.setNodeOnFirstMessageOnly,
      readOptions,
    }
    return api.apiType === 'DELTA_GRPC' ? new StreamMux(settings, deltaProtocol) : new StreamMux(settings, sotwProtocol)
  }

  #createGrpc({ source, type, callbacks, scope, collection }: Request, mux: GrpcMux, ownsMux: boolean): Subscription {
    const initialFetchTimeoutMs = source.initialFetchTimeout ?? defaultInitialFetchTimeoutMs
    const stats = new UpdateStats(scope)
    return new GrpcSubscription({ mux, ownsMux, type, callbacks, stats, initialFetchTimeoutMs, collection })
  }

  #createApi(request: Request, api: ApiConfigSource): Subscription | undefined {
    const { type, scope, errors } = request
    const { clusterManager, localInfo } = this.#context
    if (!checkApiConfigSource(api, clusterManager, false, errors)) return undefined
    if (!checkLocalInfo(typeUrlOf(type.name), localInfo, api, errors)) return undefined
    if (api.apiType === 'REST') return this.#createRest(request, api)
    const isDelta = api.apiType === 'DELTA_GRPC'
    if (!isDelta && type.streamMethod === '') {
      errors.add(api, 'apiType', `there is no state of the world service for ${type.name}`, { expected: 'DELTA_GRPC' })
      return undefined
    }
    const mux = this.#createMux(api, isDelta ? type.deltaMethod : type.streamMethod, scope, errors)
    return mux === undefined ? undefined : this.#createGrpc(request, mux, true)
  }

  #createRest({ source, type, callbacks, scope, errors }: Request, api: ApiConfigSource): Subscription | undefined {
    if (type.restPath === '') {
      errors.add(api, 'apiType', `there is no REST service for ${type.name}`, { expected: 'GRPC or DELTA_GRPC' })
      return undefined
    }
    const { clusterManager, localInfo, node } = this.#context
    return new RestSubscription({
      client: new RestClient(api.clusterNames[0], clusterManager, localInfo.address),
      type,
      callbacks,
      stats: new UpdateStats(scope),
      node,
      refreshDelayMs: api.refreshDelay ?? 0,
      requestTimeoutMs: api.requestTimeout ?? defaultRequestTimeoutMs,
      initialFetchTimeoutMs: source.initialFetchTimeout ?? defaultInitialFetchTimeoutMs,
    })
  }

  #createFilesystem(
    { type, callbacks, scope, errors }: Request,
    view: object,
    path: string,
    watchedDirectory: string | undefined,
  ): Subscription | undefined {
    const folder = watchedFolder(path, watchedDirectory)
    if (!checkPath(view, 'path', path, folder, errors)) return undefined
    const { folders } = this.#context
    return new FilesystemSubscription({ path, folder, folders, type, callbacks, stats: new UpdateStats(scope) })
  }
}
