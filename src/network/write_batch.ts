// Gathers what the connections write, so that it leaves in few system calls and at one go.

import type { Socket } from 'node:net'
import { ByteWriter } from '../common/byte_writer.ts'
import { latin1Slice } from '../common/latin1.ts'
import type { Connection } from './connection.ts'

/** Small buffers join the text: copying this many bytes costs less than one more element in a writev. */
const joinLimitBytes = 2048
/** An event that writes this much writes it at its end: a chunk of a bulk transfer waits for nothing. */
export const largeBytes = 16 * 1024
/** So many connections are written at the latest, so that peers need not wait for a long run of events. */
const mostGathered = 256

/** Connections with output gathered since the last writing. */
const dirty: Connection[] = []
let depth = 0
let scheduled = false
let hasLarge = false

/**
 * Runs one event of a connection. What it writes goes out when the event loop has run all events of its turn: a peer
 * that is woken by the first write then finds the others soon after, where writes in between our work would have it
 * fall asleep and be woken again and again (a third of all time on loopback; see bench/README.md).
 *
 * An exception is a fault of ours in this one connection: it ends, and the others of this process go on.
 */
export function runWrites<A>(
  connection: Connection,
  event: (connection: Connection, argument: A) => void,
  argument: A,
): void
export function runWrites(connection: Connection, event: (connection: Connection) => void): void
export function runWrites<A>(
  connection: Connection,
  event: (connection: Connection, argument: A) => void,
  argument?: A,
): void {
  depth++
  try {
    event(connection, argument as A)
  } catch (error) {
    connection.abandon(error)
  } finally {
    depth--
    if (depth === 0 && dirty.length > 0) eventDone()
  }
}

/** Runs something that is no connection's event (a timer, a resumed filter) under the same rule. */
export function gatherWrites(action: () => void): void {
  depth++
  try {
    action()
  } finally {
    depth--
    if (depth === 0 && dirty.length > 0) eventDone()
  }
}

function eventDone(): void {
  if (hasLarge || dirty.length >= mostGathered) flushDirty()
  else schedule()
}

function schedule(): void {
  if (scheduled) return
  scheduled = true
  setImmediate(onTurnEnd)
}

function onTurnEnd(): void {
  scheduled = false
  flushDirty()
}

function flushDirty(): void {
  hasLarge = false
  for (let i = 0; i < dirty.length; i++) dirty[i].flush()
  dirty.length = 0
}

/** What a batch of small pieces is gathered in at first. */
const writerBytes = 4096
const freeWriters: ByteWriter[] = []
const mostFreeWriters = 64

/**
 * What is to be written, in order: text, which V8 joins lazily, or bytes appended to the memory that writer() lends, and
 * buffers that are too large to join either.
 */
export class WriteBatch {
  bytes = 0
  /** The buffer of a batch that has nothing else: as it came, since a proxied chunk mostly is all that an event writes. */
  #only: Buffer | undefined = undefined
  #text = ''
  /** Everything before #text, or before #from in #writer, once there is a buffer that is too large to join. */
  #parts: (string | Buffer)[] | undefined = undefined
  #writer: ByteWriter | undefined = undefined
  /** Where in #writer the bytes begin that are in no part yet. */
  #from = 0

  add(connection: Connection, data: Buffer | string): void {
    const isFirst = this.bytes === 0
    this.#note(connection, data.length)
    if (isFirst && typeof data !== 'string') {
      this.#only = data
      return
    }
    this.#joinOnly()
    this.#append(data)
  }

  /** See Connection.writer(). */
  writer(socket: Socket): ByteWriter {
    this.#joinOnly()
    if (this.#text !== '') this.#pushText()
    const writer = this.#writer
    if (writer !== undefined) {
      if (this.bytes > 0) return writer
      // What the kernel or the transport socket was given of this memory may be in use: only when nothing waits in the
      // socket has all of it been taken, which no stream may stand for that passes its buffers on.
      this.#from = 0
      if (socket.writableLength === 0) {
        writer.clear()
        return writer
      }
    }
    const taken = freeWriters.pop() ?? new ByteWriter(writerBytes)
    this.#writer = taken
    return taken
  }

  wrote(connection: Connection, byteCount: number): void {
    this.#note(connection, byteCount)
  }

  #note(connection: Connection, byteCount: number): void {
    if (this.bytes === 0) {
      dirty.push(connection)
      if (depth === 0) schedule()
    }
    this.bytes += byteCount
    if (this.bytes >= largeBytes) hasLarge = true
  }

  #joinOnly(): void {
    const only = this.#only
    if (only === undefined) return
    this.#only = undefined
    this.#append(only)
  }

  #append(data: Buffer | string): void {
    if (this.#writer !== undefined) this.#appendToWriter(this.#writer, data)
    else if (typeof data === 'string') this.#text += data
    else if (data.length <= joinLimitBytes) this.#text += latin1Slice(data, 0, data.length)
    else {
      if (this.#text !== '') this.#pushText()
      this.#parts ??= []
      this.#parts.push(data)
    }
  }

  #appendToWriter(writer: ByteWriter, data: Buffer | string): void {
    if (typeof data !== 'string' && data.length > joinLimitBytes) {
      this.#pushWritten(writer)
      this.#parts ??= []
      this.#parts.push(data)
      return
    }
    writer.reserve(data.length)
    if (typeof data === 'string') writer.bytes.write(data, writer.length, 'latin1')
    else data.copy(writer.bytes, writer.length)
    writer.length += data.length
  }

  #pushText(): void {
    this.#parts ??= []
    this.#parts.push(this.#text)
    this.#text = ''
  }

  #pushWritten(writer: ByteWriter): void {
    if (writer.length === this.#from) return
    this.#parts ??= []
    this.#parts.push(writer.bytes.subarray(this.#from, writer.length))
    this.#from = writer.length
  }

  writeTo(socket: Socket, done: (() => void) | undefined): void {
    const writer = this.#writer
    const only = this.#only
    const parts = this.#parts
    const text = this.#text
    if (writer === undefined) {
      this.clear()
      if (only !== undefined) socket.write(only, done)
      else if (parts === undefined) socket.write(text, 'latin1', done)
      else {
        if (text !== '') parts.push(text)
        writeParts(socket, parts, done)
      }
      return
    }
    this.#joinOnly()
    this.#pushWritten(writer)
    const written = this.#parts ?? []
    this.#parts = undefined
    this.bytes = 0
    if (written.length === 1) socket.write(written[0], 'latin1', done)
    else writeParts(socket, written, done)
    if (socket.writableLength > 0) return
    // All of it has been taken: a connection at rest holds no memory for writing.
    writer.clear()
    this.#from = 0
    this.#writer = undefined
    if (freeWriters.length < mostFreeWriters) freeWriters.push(writer)
  }

  /** Gives what was not written to another connection, to write it in this one's place. */
  moveTo(connection: Connection): void {
    const { pending } = connection
    if (this.#writer !== undefined) this.#pushWritten(this.#writer)
    if (this.#only !== undefined) pending.add(connection, this.#only)
    for (const part of this.#parts ?? []) pending.add(connection, part)
    if (this.#text !== '') pending.add(connection, this.#text)
    this.clear()
  }

  clear(): void {
    this.bytes = 0
    this.#only = undefined
    this.#text = ''
    this.#parts = undefined
    this.#writer = undefined
    this.#from = 0
  }
}

function writeParts(socket: Socket, parts: readonly (string | Buffer)[], done: (() => void) | undefined): void {
  socket.cork()
  const last = parts.length - 1
  for (let i = 0; i <= last; i++) {
    const part = parts[i]
    if (typeof part === 'string') socket.write(part, 'latin1', i === last ? done : undefined)
    else socket.write(part, i === last ? done : undefined)
  }
  socket.uncork()
}
