// Sends the requests of a session to the host that has it, and tells clients which host that is.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { FilterHeadersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import type { CreateSessionState, SessionState } from '../../../../http/session_state.ts'
import type { Counter } from '../../../../stats/store.ts'
import { ResponseFlag } from '../../../../stream_info/response_flags.ts'

export interface SessionStats {
  readonly routed: Counter
  readonly failedOpen: Counter
  readonly failedClosed: Counter
  readonly noSession: Counter
}

export interface SessionSettings {
  readonly createState: CreateSessionState
  /** No other host may have the requests of a session. */
  readonly strict: boolean
  /** The answer where there is no such host. */
  readonly notFoundStatus: number
  /** Undefined without a stat_prefix, and for settings of routes. */
  readonly stats: SessionStats | undefined
}

/** Of a route: its own settings, or that it has no sessions. */
export type RouteSessionSettings = SessionSettings | 'disabled'

export class StatefulSessionFilter extends PassThroughFilter {
  readonly #configured: SessionSettings
  #settings: SessionSettings | undefined = undefined
  #state: SessionState | undefined = undefined

  constructor(configured: SessionSettings) {
    super()
    this.#configured = configured
  }

  override decodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const settings = (this.decoderCallbacks.perFilterConfig() as RouteSessionSettings | undefined) ?? this.#configured
    if (settings === 'disabled') return FilterHeadersStatus.Continue
    this.#settings = settings
    const state = settings.createState(headers)
    this.#state = state
    if (state?.upstreamAddress !== undefined) {
      const { strict, notFoundStatus } = settings
      this.decoderCallbacks.setUpstreamOverrideHost({ address: state.upstreamAddress, strict, notFoundStatus })
    }
    return FilterHeadersStatus.Continue
  }

  override encodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const { upstream } = this.encoderCallbacks.streamInfo
    if (this.#settings === undefined) return FilterHeadersStatus.Continue
    if (upstream === undefined) this.#onNoHost(this.#settings)
    else if (upstream.host !== undefined) this.#onHost(this.#settings, upstream.host.address.text, headers)
    return FilterHeadersStatus.Continue
  }

  #onHost({ strict, stats }: SessionSettings, address: string, headers: HeaderMap): void {
    if (this.#state === undefined) stats?.noSession.inc()
    else if (!this.#state.onUpdate(address, headers)) stats?.routed.inc()
    else if (!strict) stats?.failedOpen.inc()
  }

  #onNoHost({ strict, stats }: SessionSettings): void {
    const { streamInfo } = this.encoderCallbacks
    if (this.#state !== undefined && strict && streamInfo.hasResponseFlag(ResponseFlag.NoHealthyUpstream))
      stats?.failedClosed.inc()
  }
}
