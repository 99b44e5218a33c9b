// Counts streams that a client resets before there is an answer (source/common/http/conn_manager_impl.cc).

import { monotonicMs } from '../../common/clock.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'

/** Runtime keys of `overload.premature_reset_*`. */
export interface PrematureResetSettings {
  /** So many streams must have ended before anything is made of their resets. */
  readonly totalStreamCount: number
  /** A stream that has lived this long is no premature one. */
  readonly minStreamLifetimeMs: number
}

export class PrematureResets {
  readonly #settings: PrematureResetSettings
  #ended = 0
  #premature = 0

  constructor(settings: PrematureResetSettings) {
    this.#settings = settings
  }

  /** True where at least half of the connection's streams were reset at once. */
  onStreamEnd(stream: { readonly resetByClient: boolean; readonly streamInfo: StreamInfo }): boolean {
    this.#ended++
    if (!stream.resetByClient) return false
    const { startTimeMs, responseCode } = stream.streamInfo
    if (responseCode === 0 && monotonicMs() - startTimeMs < this.#settings.minStreamLifetimeMs) this.#premature++
    return this.#ended >= this.#settings.totalStreamCount && this.#premature >= this.#ended / 2
  }
}
