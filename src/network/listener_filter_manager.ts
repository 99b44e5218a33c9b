// Runs the listener filters of one accepted socket: the only loop over listener filters.

import { Timer } from '../common/timer.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { ConnectionSocket } from './connection_socket.ts'
import type {
  ListenerFilter,
  ListenerFilterBuffer,
  ListenerFilterCallbacks,
  ListenerFilterFactory,
} from './listener_filter.ts'
import { FilterStatus } from './network_filter.ts'

/** How a socket left its listener filters: only the first goes on to filter chain match. */
export type ListenerFilterOutcome = 'done' | 'timeout' | 'refused' | 'remoteClose' | 'error'

const noBytes = Buffer.alloc(0)

/**
 * Bytes are taken off the socket as they come, shown to the filter whose turn it is, and given back (`unshift`) before the
 * connection is made: Node cannot peek. No more than the current filter's `maxReadBytes` are asked for at a time, beyond
 * one socket read. `onDone` is called once; with an outcome other than 'done' the owner closes the socket.
 */
export class ListenerFilterManager implements ListenerFilterCallbacks, ListenerFilterBuffer {
  readonly socket: ConnectionSocket
  readonly streamInfo: StreamInfo
  data: Buffer = noBytes
  readonly #filters: ListenerFilter[]
  readonly #onDone: (outcome: ListenerFilterOutcome) => void
  readonly #timer: Timer | undefined
  #index = -1
  #waitsForBytes = false
  #finished = false
  #onSocketData: (data: Buffer) => void = () => {}
  #onSocketEnd: () => void = () => {}
  #onSocketError: () => void = () => {}

  constructor(
    socket: ConnectionSocket,
    streamInfo: StreamInfo,
    factories: readonly ListenerFilterFactory[],
    timeoutMs: number,
    onDone: (outcome: ListenerFilterOutcome) => void,
  ) {
    this.socket = socket
    this.streamInfo = streamInfo
    this.#filters = factories.filter((factory) => !factory.disabled?.(socket)).map((factory) => factory.create())
    this.#onDone = onDone
    if (timeoutMs > 0 && this.#filters.length > 0) {
      this.#timer = new Timer(() => this.#finish('timeout'))
      this.#timer.enable(timeoutMs)
    }
  }

  start(): void {
    if (this.#filters.length === 0) {
      this.#finish('done')
      return
    }
    const { socket } = this.socket
    this.#onSocketData = (data) => this.#receive(data)
    this.#onSocketEnd = () => this.#finish('remoteClose')
    this.#onSocketError = () => this.#finish('error')
    socket.on('error', this.#onSocketError)
    socket.on('end', this.#onSocketEnd)
    socket.on('close', this.#onSocketEnd)
    socket.pause()
    socket.on('data', this.#onSocketData)
    this.#next()
  }

  continueFilterChain(success: boolean): void {
    if (this.#finished || this.#waitsForBytes) return
    if (success) this.#next()
    else this.close()
  }

  close(): void {
    this.#finish('refused')
  }

  drain(bytes: number): void {
    this.data = bytes >= this.data.length ? noBytes : this.data.subarray(bytes)
  }

  /** The listener goes away: drops the socket without an outcome. */
  abort(): void {
    this.#finished = true
    this.#timer?.disable()
    this.socket.socket.destroy()
  }

  #next(): void {
    for (;;) {
      this.#index++
      if (this.#index === this.#filters.length) {
        this.#finish('done')
        return
      }
      const filter = this.#filters[this.#index]
      let status = filter.onAccept(this)
      if (this.#stoppedByFilter()) return
      if (status === FilterStatus.StopIteration) {
        if (filter.maxReadBytes() === 0) return
        status = this.data.length > 0 ? filter.onData(this) : FilterStatus.StopIteration
        if (this.#stoppedByFilter()) return
      }
      if (status === FilterStatus.StopIteration) {
        this.#wait(filter)
        return
      }
    }
  }

  #wait(filter: ListenerFilter): void {
    if (this.data.length >= filter.maxReadBytes()) {
      // The filter has seen all it asked for and is still undecided.
      this.#finish('error')
      return
    }
    this.#waitsForBytes = true
    this.socket.socket.resume()
  }

  #receive(data: Buffer): void {
    this.data = this.data.length === 0 ? data : Buffer.concat([this.data, data])
    if (!this.#waitsForBytes) return
    this.#waitsForBytes = false
    this.socket.socket.pause()
    const filter = this.#filters[this.#index]
    const status = filter.onData(this)
    if (this.#stoppedByFilter()) return
    if (status === FilterStatus.StopIteration) this.#wait(filter)
    else this.#next()
  }

  #stoppedByFilter(): boolean {
    if (!this.#finished && this.socket.socket.destroyed) this.#finish('refused')
    return this.#finished
  }

  #finish(outcome: ListenerFilterOutcome): void {
    if (this.#finished) return
    this.#finished = true
    this.#timer?.disable()
    const { socket } = this.socket
    socket.off('data', this.#onSocketData)
    socket.off('end', this.#onSocketEnd)
    socket.off('close', this.#onSocketEnd)
    socket.off('error', this.#onSocketError)
    if (outcome !== 'done') this.#filters[this.#index]?.onClose?.()
    if (this.data.length > 0) {
      // After a timeout too: the listener may be told to go on without the filters. A socket that closes with bytes
      // unread tells its peer by a RST, as it would have done had they stayed in the kernel.
      if (outcome === 'done' || outcome === 'timeout') socket.unshift(this.data)
      else socket.resetAndDestroy()
      this.data = noBytes
    }
    this.#onDone(outcome)
  }
}
