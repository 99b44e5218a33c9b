// strict_check_headers: a request whose x-envoy-* headers cannot be read is refused before it is routed.

import type { HeaderMap } from '../../../../common/header_map.ts'
import {
  FilterDataStatus,
  FilterHeadersStatus,
  FilterTrailersStatus,
  type StreamDecoderFilter,
  type StreamDecoderFilterCallbacks,
} from '../../../../http/http_filter.ts'
import { grpcRetryStatuses, retryOnWords } from '../../../../router/retry_words.ts'
import type { RouterSettings } from '../../../../router/router_settings.ts'
import { ResponseFlag } from '../../../../stream_info/response_flags.ts'

/** Stands before the router where strict_check_headers is set. */
export class StrictHeadersFilter implements StreamDecoderFilter {
  readonly #names: readonly string[]
  readonly #router: RouterSettings
  #callbacks!: StreamDecoderFilterCallbacks

  constructor(names: readonly string[], router: RouterSettings) {
    this.#names = names
    this.#router = router
  }

  setDecoderFilterCallbacks(callbacks: StreamDecoderFilterCallbacks): void {
    this.#callbacks = callbacks
  }

  decodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const route = this.#callbacks.route()
    const cluster = route?.kind === 'forward' ? this.#router.clusterManager.get(route.clusterName) : undefined
    // The router answers by itself and needs none of the headers.
    if (cluster === undefined) return FilterHeadersStatus.Continue
    for (const name of this.#names) {
      const value = headers.get(name)
      if (value === undefined || isReadable(name, value)) continue
      // A request that the router does not see is its request all the same.
      this.#router.stats.rqTotal.inc()
      this.#callbacks.sendLocalReply({
        status: 400,
        body: `invalid header '${name}' with value '${value}'`,
        details: `request_headers_failed_strict_check{${name}}`,
        flag: ResponseFlag.InvalidEnvoyRequestHeaders,
      })
      return FilterHeadersStatus.StopIteration
    }
    return FilterHeadersStatus.Continue
  }

  decodeData(): FilterDataStatus {
    return FilterDataStatus.Continue
  }

  decodeTrailers(): FilterTrailersStatus {
    return FilterTrailersStatus.Continue
  }

  onDestroy(): void {}
}

function isReadable(name: string, value: string): boolean {
  if (name === 'x-envoy-retry-on') return value.split(',').every((word) => retryOnWords.has(word.trim()))
  if (name === 'x-envoy-retry-grpc-on')
    return value.split(',').every((word) => Object.hasOwn(grpcRetryStatuses, word.trim()))
  return /^\d{1,19}$/.test(value)
}
