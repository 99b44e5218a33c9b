// The router: the terminal HTTP filter. Answers what its route answers by itself, and sends everything else upstream.

import type { HeaderMap } from '../common/header_map.ts'
import {
  FilterDataStatus,
  FilterHeadersStatus,
  FilterTrailersStatus,
  type StreamDecoderFilter,
  type StreamDecoderFilterCallbacks,
} from '../http/http_filter.ts'
import { runWrites } from '../network/write_batch.ts'
import { ResponseFlag } from '../stream_info/response_flags.ts'
import type { AsyncClient } from './async_client.ts'
import { answerDirectly } from './local_answers.ts'
import { RoutedRequest } from './routed_request.ts'
import type { RouterSettings } from './router_settings.ts'
import { mayBeMirrored, ShadowStreams } from './shadow_streams.ts'

export class RouterFilter implements StreamDecoderFilter {
  readonly #settings: RouterSettings
  readonly #asyncClient: AsyncClient
  #callbacks!: StreamDecoderFilterCallbacks
  #request: RoutedRequest | undefined = undefined
  /** Undefined for most requests. */
  #shadows: ShadowStreams | undefined = undefined
  #destroyed = false
  /** While hosts are looked for: ends that. */
  #giveUp: (() => void) | undefined = undefined

  constructor(settings: RouterSettings, asyncClient: AsyncClient) {
    this.#settings = settings
    this.#asyncClient = asyncClient
  }

  setDecoderFilterCallbacks(callbacks: StreamDecoderFilterCallbacks): void {
    this.#callbacks = callbacks
  }

  decodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    const { stats, clusterManager } = this.#settings
    const callbacks = this.#callbacks
    stats.rqTotal.inc()
    const route = callbacks.route()
    if (route === undefined) {
      stats.noRoute.inc()
      return this.#refuse(404, 'route_not_found', ResponseFlag.NoRouteFound)
    }
    // No filter has answered what such a route leaves to filters.
    if (route.kind === 'nonForwarding') return this.#refuse(503, 'cluster_not_found', ResponseFlag.NoClusterFound)
    if (route.kind === 'directResponse') {
      stats.rqDirectResponse.inc()
      answerDirectly(callbacks, route, headers)
      return FilterHeadersStatus.StopIteration
    }
    const cluster = clusterManager.get(route.clusterName)
    if (cluster === undefined) {
      stats.noCluster.inc()
      return this.#refuse(route.clusterNotFoundStatus, 'cluster_not_found', ResponseFlag.NoClusterFound)
    }
    callbacks.streamInfo.attemptCount = 1
    const request = new RoutedRequest(this.#settings, callbacks, headers, route, cluster)
    this.#request = request
    // Its headers are copied before there is a host, for which they change.
    const shadows = mayBeMirrored(cluster, route)
      ? ShadowStreams.of(
          { request, route, cluster, headers, streamInfo: callbacks.streamInfo, copyOf: [] },
          this.#asyncClient,
        )
      : undefined
    this.#giveUp = request.hostSelection.lookFor(() =>
      runWrites(callbacks.connection, () => this.#onLookedForHost(request, shadows, endStream)),
    )
    if (this.#giveUp !== undefined) return FilterHeadersStatus.StopAllIterationAndWatermark
    this.#start(request, shadows, endStream)
    return FilterHeadersStatus.StopIteration
  }

  #onLookedForHost(request: RoutedRequest, shadows: ShadowStreams | undefined, endStream: boolean): void {
    this.#giveUp = undefined
    this.#start(request, shadows, endStream)
    this.#callbacks.continueDecoding()
  }

  #start(request: RoutedRequest, shadows: ShadowStreams | undefined, endStream: boolean): void {
    // Where there is no host for the request, or its circuit breaker is open, there is nothing to mirror.
    if (!request.start(endStream) || this.#destroyed || shadows === undefined) return
    this.#shadows = shadows
    shadows.start(endStream)
  }

  #refuse(status: number, details: string, flag: number): FilterHeadersStatus {
    this.#callbacks.sendLocalReply({ status, body: '', details, flag })
    return FilterHeadersStatus.StopIteration
  }

  decodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    this.#shadows?.onData(data, endStream)
    this.#request?.onData(data, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  decodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    this.#shadows?.onTrailers(trailers)
    this.#request?.onTrailers(trailers)
    return FilterTrailersStatus.StopIteration
  }

  retainsData(): boolean {
    return this.#request?.retainsData() === true
  }

  onDestroy(): void {
    this.#destroyed = true
    this.#giveUp?.()
    this.#request?.destroy()
    this.#shadows?.destroy()
  }
}
