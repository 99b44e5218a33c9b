// One end of the channel between two generations: whole messages, some of them with descriptors.

import { receiveDescriptors, sendDescriptors } from '../../os/descriptor_passing.ts'
import { type DescriptorWatch, watchReadable } from '../../os/readiness.ts'
import { closeFd } from '../../os/socket.ts'
import type { Answer, Request } from './messages.ts'

export interface ChannelEvents<Received> {
  /** Owns the descriptors. */
  onMessage(message: Received, descriptors: readonly number[]): void
  /** The other process has gone, or said what nobody understands. */
  onClosed(): void
}

export class HandoverChannel<Sent extends Request | Answer, Received extends Request | Answer> {
  readonly #fd: number
  readonly #events: ChannelEvents<Received>
  readonly #watch: DescriptorWatch
  #isClosed = false

  /** Owns `fd`. */
  constructor(fd: number, events: ChannelEvents<Received>) {
    this.#fd = fd
    this.#events = events
    this.#watch = watchReadable(fd, () => this.#read())
  }

  /** The process keeps its own descriptors. There is one message under way at most: it always has room. */
  send(message: Sent, descriptors: readonly number[] = []): void {
    if (this.#isClosed) return
    try {
      sendDescriptors(this.#fd, Buffer.from(JSON.stringify(message)), descriptors)
    } catch {
      this.#end()
    }
  }

  /** Says nothing more, and hears nothing more. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#watch.close()
    closeFd(this.#fd)
  }

  #read(): void {
    while (!this.#isClosed) {
      const received = receiveDescriptors(this.#fd)
      if (received === undefined) return
      const message = received === 'closed' ? undefined : parsed<Received>(received.data)
      if (received === 'closed' || message === undefined) this.#end()
      else this.#events.onMessage(message, received.descriptors)
    }
  }

  #end(): void {
    if (this.#isClosed) return
    this.close()
    this.#events.onClosed()
  }
}

/** Processes of one version understand each other; another program at that name does not matter. */
function parsed<T>(data: Buffer): T | undefined {
  try {
    return JSON.parse(data.toString()) as T
  } catch {
    return undefined
  }
}
