// PING frames of our own that find out whether the peer still lives (Envoy's connection_keepalive).

import { monotonicMs } from '../../../common/clock.ts'
import { Timer } from '../../../common/timer.ts'
import type { KeepaliveSettings } from './settings.ts'

export class Keepalive {
  readonly #settings: KeepaliveSettings
  readonly #sendPing: (payload: Buffer) => void
  readonly #intervalTimer = new Timer(() => this.#send())
  readonly #timeoutTimer: Timer
  #lastFrameMs = monotonicMs()

  /** `onTimeout`: the peer has not answered and sent nothing else either. */
  constructor(settings: KeepaliveSettings, sendPing: (payload: Buffer) => void, onTimeout: () => void) {
    this.#settings = settings
    this.#sendPing = sendPing
    this.#timeoutTimer = new Timer(onTimeout)
    this.#scheduleNext()
  }

  #scheduleNext(): void {
    const { intervalMs, intervalJitter } = this.#settings
    if (intervalMs === 0) return
    this.#intervalTimer.enable(intervalMs + Math.floor(Math.random() * intervalMs * intervalJitter))
  }

  #send(): void {
    if (this.#timeoutTimer.enabled) return
    const payload = Buffer.alloc(8)
    payload.writeBigUInt64BE(BigInt(Math.floor(monotonicMs())))
    // Armed first: on a connection that cannot be written the timeout ends it.
    this.#timeoutTimer.enable(this.#settings.timeoutMs)
    this.#sendPing(payload)
  }

  onPingAck(): void {
    this.#timeoutTimer.disable()
    this.#scheduleNext()
  }

  /** Bytes have come: the peer lives, though a large frame may stand before its answer. */
  onRead(): void {
    this.#lastFrameMs = monotonicMs()
    if (this.#timeoutTimer.enabled) this.#timeoutTimer.enable(this.#settings.timeoutMs)
  }

  /** A stream is about to begin: after a long rest a PING goes with it. */
  beforeStream(): void {
    const { idleIntervalMs } = this.#settings
    if (idleIntervalMs > 0 && monotonicMs() - this.#lastFrameMs > idleIntervalMs) this.#send()
  }

  stop(): void {
    this.#intervalTimer.disable()
    this.#timeoutTimer.disable()
  }
}
