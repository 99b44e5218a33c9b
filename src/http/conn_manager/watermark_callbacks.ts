// Those who produce a response and must stop while the client cannot take more.

import type { DownstreamWatermarkCallbacks } from '../http_filter.ts'

export class WatermarkCallbacks implements DownstreamWatermarkCallbacks {
  /** Undefined until there is one; a stream has one nearly always. */
  #listeners: DownstreamWatermarkCallbacks[] | undefined = undefined

  /** `isAbove`: the client is full already. */
  add(listener: DownstreamWatermarkCallbacks, isAbove: boolean): void {
    this.#listeners ??= []
    this.#listeners.push(listener)
    if (isAbove) listener.onAboveWriteBufferHighWatermark()
  }

  remove(listener: DownstreamWatermarkCallbacks): void {
    const index = this.#listeners?.indexOf(listener) ?? -1
    if (index >= 0) this.#listeners?.splice(index, 1)
  }

  onAboveWriteBufferHighWatermark(): void {
    for (const listener of this.#listeners ?? []) listener.onAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    for (const listener of this.#listeners ?? []) listener.onBelowWriteBufferLowWatermark()
  }
}
