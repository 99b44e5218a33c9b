// Holds a request back until the host that it names has been looked up, and answers it where there is none.

import type { HeaderMap } from '../../../../common/header_map.ts'
import {
  FilterDataStatus,
  FilterHeadersStatus,
  FilterTrailersStatus,
  type StreamDecoderFilter,
  type StreamDecoderFilterCallbacks,
} from '../../../../http/http_filter.ts'
import { runWrites } from '../../../../network/write_batch.ts'
import { ResponseFlag } from '../../../../stream_info/response_flags.ts'
import type { ClusterInfo } from '../../../../upstream/cluster_info.ts'
import type { ClusterManager } from '../../../../upstream/cluster_manager.ts'
import type { DnsCache, DnsOutcome } from '../../../../upstream/dns_cache/dns_cache.ts'
import {
  defaultPortOf,
  hostKey,
  namedHost,
  namedPort,
  upstreamAddress,
} from '../../../../upstream/dns_cache/host_key.ts'

const clusterType = 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig'

export interface ForwardProxySettings {
  readonly clusterManager: ClusterManager
  readonly cache: DnsCache
  readonly savesUpstreamAddress: boolean
  readonly usesFilterState: boolean
}

/** Of a route; '' for none. */
export interface HostRewrite {
  readonly literal: string
  readonly header: string
}

export class ForwardProxyFilter implements StreamDecoderFilter {
  readonly #settings: ForwardProxySettings
  #callbacks!: StreamDecoderFilterCallbacks
  #giveUp: (() => void) | undefined = undefined

  constructor(settings: ForwardProxySettings) {
    this.#settings = settings
  }

  setDecoderFilterCallbacks(callbacks: StreamDecoderFilterCallbacks): void {
    this.#callbacks = callbacks
  }

  decodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const cluster = this.#cluster()
    if (cluster === undefined) return FilterHeadersStatus.Continue
    this.#rewriteHost(headers)
    if (headers.authority === '') {
      this.#callbacks.sendLocalReply({ status: 400, body: 'Empty host header', details: 'empty_host_header' })
      return FilterHeadersStatus.StopIteration
    }
    const { connection } = this.#callbacks
    const lookup = this.#settings.cache.load(this.#keyOf(headers, cluster), (outcome) =>
      runWrites(connection, () => this.#onLoaded(outcome)),
    )
    switch (lookup.kind) {
      case 'known':
        return this.#take(lookup.host) ? FilterHeadersStatus.Continue : FilterHeadersStatus.StopIteration
      case 'overflow':
        this.#take('overflow')
        return FilterHeadersStatus.StopIteration
      case 'pendingOverflow':
        this.#refuse('Dynamic forward proxy pending request overflow', 'dynamic_forward_proxy_pending_request_overflow')
        return FilterHeadersStatus.StopIteration
      case 'waiting':
        this.#giveUp = lookup.giveUp
        return FilterHeadersStatus.StopAllIterationAndWatermark
    }
  }

  /** Undefined where the request goes to a cluster that knows its hosts otherwise, or to none. */
  #cluster(): ClusterInfo | undefined {
    const route = this.#callbacks.route()
    if (route?.kind !== 'forward') return undefined
    const info = this.#settings.clusterManager.get(route.clusterName)?.info
    return info?.config.clusterType?.typedConfig?.typeUrl === clusterType ? info : undefined
  }

  #rewriteHost(headers: HeaderMap): void {
    const rewrite = this.#callbacks.perFilterConfig() as HostRewrite | undefined
    if (rewrite === undefined) return
    const named = rewrite.header === '' ? undefined : headers.getAll(rewrite.header)[0]
    const host = rewrite.literal || named
    if (host !== undefined) headers.authority = host
  }

  #keyOf(headers: HeaderMap, cluster: ClusterInfo): string {
    const defaultPort = defaultPortOf(cluster)
    if (!this.#settings.usesFilterState) return hostKey(headers.authority, defaultPort)
    const { streamInfo, connection } = this.#callbacks
    const port = namedPort(streamInfo, connection.streamInfo) ?? defaultPort
    return hostKey(namedHost(streamInfo, connection.streamInfo) ?? headers.authority, port)
  }

  #onLoaded(outcome: DnsOutcome): void {
    this.#giveUp = undefined
    if (this.#take(outcome)) this.#callbacks.continueDecoding()
  }

  /** False where the request is answered. */
  #take(outcome: DnsOutcome): boolean {
    if (outcome === 'overflow') {
      this.#refuse('DNS cache overflow', 'dns_cache_overflow')
      return false
    }
    if (outcome.addresses.length === 0) {
      const details = `dns_resolution_failure{${outcome.details.replaceAll(' ', '_')}}`
      this.#refuse('DNS resolution failure', details, ResponseFlag.DnsResolutionFailed)
      return false
    }
    const address = outcome.addresses[0]
    if (this.#settings.savesUpstreamAddress) this.#callbacks.streamInfo.filterState.set(upstreamAddress, { address })
    return true
  }

  #refuse(body: string, details: string, flag = 0): void {
    this.#callbacks.sendLocalReply({ status: 503, body, details, flag })
  }

  decodeData(): FilterDataStatus {
    return FilterDataStatus.Continue
  }

  decodeTrailers(): FilterTrailersStatus {
    return FilterTrailersStatus.Continue
  }

  onDestroy(): void {
    this.#giveUp?.()
  }
}
