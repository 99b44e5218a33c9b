/**
 * The overload action reset_high_memory_stream: streams by what they have buffered, in eight classes, each of twice the
 * bytes of the one before. Those of the highest classes are reset first, as Envoy does.
 */

export const resetStreamsAction = 'envoy.overload_actions.reset_high_memory_stream'

export interface BufferingStream {
  readonly bufferedBytes: number
  resetByOverload(): void
}

export interface BufferingConnection {
  bufferingStreams(): Iterable<BufferingStream>
}

const classCount = 8
/** At one time: the next ones when the scale has changed again. */
const mostResets = 50

/** Of one process. Nothing is counted before it is asked for. */
export class StreamAccounts {
  readonly #connections = new Set<BufferingConnection>()
  readonly #minimumBytes: number

  /** Streams with less are in no class. */
  constructor(minimumBytes: number) {
    this.#minimumBytes = minimumBytes
  }

  add(connection: BufferingConnection): void {
    this.#connections.add(connection)
  }

  delete(connection: BufferingConnection): void {
    this.#connections.delete(connection)
  }

  /** By the scale of the action, 0 to 1; how many streams were reset. */
  reset(scale: number): number {
    const lowest = classCount - Math.min(Math.floor(scale * classCount) + 1, classCount)
    const found: { stream: BufferingStream; memoryClass: number }[] = []
    for (const connection of this.#connections) {
      for (const stream of connection.bufferingStreams()) {
        const memoryClass = this.#classOf(stream.bufferedBytes)
        if (memoryClass >= lowest) found.push({ stream, memoryClass })
      }
    }
    found.sort((a, b) => b.memoryClass - a.memoryClass)
    const chosen = found.slice(0, mostResets)
    for (const { stream } of chosen) stream.resetByOverload()
    return chosen.length
  }

  /** -1 for none. */
  #classOf(bytes: number): number {
    if (bytes < this.#minimumBytes) return -1
    return Math.min(Math.floor(Math.log2(bytes / this.#minimumBytes)), classCount - 1)
  }
}
