// Reads of a connection that go to the same memory again and again, for bytes that are passed on at once.

import { Socket } from 'node:net'
import { largeBytes } from './write_batch.ts'

/**
 * Node reads each chunk into new memory of 64 KiB, and bulk data then costs twice the processor time and a third of the
 * throughput, most of it in the garbage collector. The plain form is the socket's 'data' event; bench/micro/read_buffer.ts
 * compares the two.
 *
 * The means are those of `net.connect`'s documented `onread` option, which Node has no form of for accepted sockets: the
 * fields behind it are set from outside. Where a runtime has them no more, sockets keep to 'data' events.
 */
interface ReadFields {
  readonly buffer: symbol
  readonly next: symbol
  readonly callback: symbol
}

interface SocketInternals {
  readonly _handle?: { useUserBuffer?(buffer: Uint8Array): void } | null
  [field: symbol]: unknown
}

/** What a large read gets; larger reads mean fewer system calls. */
const bulkBufferBytes = 256 * 1024
const smallestBulkBufferBytes = 16 * 1024
/** A read of this size makes a connection a bulk one: from here on copying costs more than a buffer. */
const bulkReadBytes = 4096
/** So many connections have a buffer of their own at the same time: what they take stays below 32 MiB. */
const mostBulkReaders = 128
/** Free buffers of the full size that are kept. */
const poolLimit = 32
const sweepIntervalMs = 1000

const fields = findReadFields()
/**
 * What connections at rest read into, all of them, so that an idle connection costs no buffer. What was read is copied
 * out at once (a small chunk costs no more than a view of it would); a large one makes its connection a bulk one, with a
 * buffer of its own, until it rests again.
 */
const sharedBuffer = Buffer.allocUnsafeSlow(64 * 1024)
const pool: Buffer[] = []
const bulkReaders = new Set<BufferedReader>()
let sweeper: NodeJS.Timeout | undefined

/**
 * Makes the socket read in this way. `onRead` must be done with the bytes when it returns, or `isRetained` must say, when
 * asked right after it, that they are still in use: then their memory is left alone. `limitBytes` (0: none) bounds what
 * one read may bring.
 */
export function reuseReadBuffer(
  socket: Socket,
  limitBytes: number,
  onRead: (data: Buffer) => void,
  isRetained: () => boolean,
): void {
  const internals = socket as unknown as SocketInternals
  if (fields === undefined || internals._handle?.useUserBuffer === undefined) return
  const reader = new BufferedReader(internals, limitBytes, isRetained)
  internals[fields.callback] = (size: number, buffer: Buffer) => onRead(reader.take(size, buffer))
  internals[fields.next] = () => reader.nextBuffer()
  internals[fields.buffer] = sharedBuffer
  internals._handle.useUserBuffer(sharedBuffer)
  socket.once('close', () => reader.release())
}

/** The same for the first bytes of a connection, before it has a reader: each chunk is a copy, and may be kept. */
export function shareReadBuffer(socket: Socket, onRead: (data: Buffer) => void): void {
  const internals = socket as unknown as SocketInternals
  if (fields === undefined || internals._handle?.useUserBuffer === undefined) return
  internals[fields.callback] = (size: number) => onRead(copyOf(sharedBuffer, size))
  internals[fields.buffer] = sharedBuffer
  internals._handle.useUserBuffer(sharedBuffer)
}

/** Buffer.from of a view does the same in twice the time. */
function copyOf(buffer: Buffer, size: number): Buffer {
  const data = Buffer.allocUnsafe(size)
  buffer.copy(data, 0, 0, size)
  return data
}

class BufferedReader {
  readonly #socket: SocketInternals
  readonly #isRetained: () => boolean
  readonly #bulkBytes: number
  #own: Buffer | undefined = undefined
  #lastReadBytes = 0
  #rested = false
  /** The bytes of the last read are in the own buffer and may be in use. */
  #lent = false

  constructor(socket: SocketInternals, limitBytes: number, isRetained: () => boolean) {
    this.#socket = socket
    this.#isRetained = isRetained
    const limit = limitBytes === 0 ? bulkBufferBytes : limitBytes
    this.#bulkBytes = Math.max(smallestBulkBufferBytes, Math.min(bulkBufferBytes, limit))
  }

  /** The bytes of a read, safe to hand on. */
  take(size: number, buffer: Buffer): Buffer {
    this.#lastReadBytes = size
    this.#rested = false
    if (buffer !== sharedBuffer && size >= largeBytes) {
      this.#lent = true
      return buffer.subarray(0, size)
    }
    return copyOf(buffer, size)
  }

  /** What the next read goes to. */
  nextBuffer(): Buffer {
    if (this.#own === undefined) {
      if (this.#lastReadBytes < bulkReadBytes || bulkReaders.size >= mostBulkReaders) return sharedBuffer
      bulkReaders.add(this)
      sweeper ??= setInterval(sweep, sweepIntervalMs).unref()
      this.#own = this.#takeBuffer()
    } else if (this.#lent) {
      this.#lent = false
      // Whoever holds the old one has it to himself from now on.
      if (this.#isRetained()) this.#own = this.#takeBuffer()
    }
    return this.#own
  }

  /** Gives the buffer up if nothing was read since the last call. */
  rest(): void {
    if (!this.#rested || this.#own === undefined || fields === undefined) {
      this.#rested = true
      return
    }
    this.#socket[fields.buffer] = sharedBuffer
    this.#socket._handle?.useUserBuffer?.(sharedBuffer)
    this.release()
  }

  release(): void {
    const own = this.#own
    this.#own = undefined
    bulkReaders.delete(this)
    if (own !== undefined && own.length === bulkBufferBytes && pool.length < poolLimit && !this.#lent) {
      pool.push(own)
    }
  }

  #takeBuffer(): Buffer {
    const free = this.#bulkBytes === bulkBufferBytes ? pool.pop() : undefined
    return free ?? Buffer.allocUnsafeSlow(this.#bulkBytes)
  }
}

function sweep(): void {
  for (const reader of bulkReaders) reader.rest()
  if (bulkReaders.size > 0) return
  clearInterval(sweeper)
  sweeper = undefined
}

function findReadFields(): ReadFields | undefined {
  const probe = new Socket({ onread: { buffer: Buffer.alloc(1), callback: () => true } })
  const symbols = Object.getOwnPropertySymbols(probe)
  const find = (name: string) => symbols.find((symbol) => symbol.description === name)
  const [buffer, next, callback] = [find('kBuffer'), find('kBufferGen'), find('kBufferCb')]
  probe.destroy()
  if (buffer === undefined || next === undefined || callback === undefined) return undefined
  return { buffer, next, callback }
}
