// Gathers what the connections write, so that it leaves in few system calls and at one go.

import type { Socket } from 'node:net'
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

/** Text and buffers in order; neighbouring texts are one string, since V8 joins strings lazily. */
export class WriteBatch {
  bytes = 0
  /** The buffer of a batch that has nothing else: as it came, since a proxied chunk mostly is all that an event writes. */
  #only: Buffer | undefined = undefined
  #text = ''
  /** Everything before #text, once there is a buffer that is too large to join. */
  #parts: (string | Buffer)[] | undefined = undefined

  add(connection: Connection, data: Buffer | string): void {
    if (this.bytes === 0) {
      dirty.push(connection)
      if (depth === 0) schedule()
    }
    const isFirst = this.bytes === 0
    this.bytes += data.length
    if (this.bytes >= largeBytes) hasLarge = true
    if (isFirst && typeof data !== 'string') {
      this.#only = data
      return
    }
    if (this.#only !== undefined) {
      const only = this.#only
      this.#only = undefined
      this.#append(only)
    }
    this.#append(data)
  }

  #append(data: Buffer | string): void {
    if (typeof data === 'string') this.#text += data
    else if (data.length <= joinLimitBytes) this.#text += latin1Slice(data, 0, data.length)
    else {
      this.#parts ??= []
      if (this.#text !== '') this.#parts.push(this.#text)
      this.#parts.push(data)
      this.#text = ''
    }
  }

  writeTo(socket: Socket, done: (() => void) | undefined): void {
    const only = this.#only
    const parts = this.#parts
    const text = this.#text
    this.clear()
    if (only !== undefined) {
      socket.write(only, done)
      return
    }
    if (parts === undefined) {
      socket.write(text, 'latin1', done)
      return
    }
    if (text !== '') parts.push(text)
    socket.cork()
    const last = parts.length - 1
    for (let i = 0; i <= last; i++) {
      const part = parts[i]
      if (typeof part === 'string') socket.write(part, 'latin1', i === last ? done : undefined)
      else socket.write(part, i === last ? done : undefined)
    }
    socket.uncork()
  }

  /** Gives what was not written to another connection, to write it in this one's place. */
  moveTo(connection: Connection): void {
    const { pending } = connection
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
  }
}
