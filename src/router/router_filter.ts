// The router: the terminal HTTP filter. Answers what its route answers by itself, and sends everything else upstream.

import type { HeaderMap } from '../common/header_map.ts'
import {
  FilterDataStatus,
  FilterHeadersStatus,
  FilterTrailersStatus,
  type StreamDecoderFilter,
  type StreamDecoderFilterCallbacks,
} from '../http/http_filter.ts'
import { ResponseFlag } from '../stream_info/response_flags.ts'
import { answerDirectly } from './local_answers.ts'
import { RoutedRequest } from './routed_request.ts'
import type { RouterSettings } from './router_settings.ts'

export class RouterFilter implements StreamDecoderFilter {
  readonly #settings: RouterSettings
  #callbacks!: StreamDecoderFilterCallbacks
  #request: RoutedRequest | undefined = undefined

  constructor(settings: RouterSettings) {
    this.#settings = settings
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
    this.#request = new RoutedRequest(this.#settings, callbacks, headers, route, cluster)
    this.#request.start(endStream)
    return FilterHeadersStatus.StopIteration
  }

  #refuse(status: number, details: string, flag: number): FilterHeadersStatus {
    this.#callbacks.sendLocalReply({ status, body: '', details, flag })
    return FilterHeadersStatus.StopIteration
  }

  decodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    this.#request?.onData(data, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  decodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    this.#request?.onTrailers(trailers)
    return FilterTrailersStatus.StopIteration
  }

  retainsData(): boolean {
    return this.#request?.retainsData() === true
  }

  onDestroy(): void {
    this.#request?.destroy()
  }
}
