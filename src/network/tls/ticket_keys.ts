// Keys of session tickets: with the same in every worker, a client resumes its session at any of them.

import { randomBytes } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import type { envoy } from '../../../proto/generated/api.d.ts'
import { wallMs } from '../../common/clock.ts'
import { readDataSource } from '../../config/data_source.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { SharedMemory } from '../factory.ts'
import { sourceName } from './certificate.ts'

type TicketKeysView = envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys

/** One key in Envoy's form: a name of 16 bytes, 32 for the HMAC, 32 for AES. */
const configuredKeyBytes = 80
/** In Node's form: name, HMAC key and AES key of 16 bytes each. */
const nodeKeyBytes = 48
const partBytes = 16

/** In Node's form. The first is that new tickets are made with; all are taken. */
export type TicketKeys = readonly Buffer[]

/** Where the keys come from, asked for each ticket. */
export interface TicketKeySource {
  current(): TicketKeys
}

export function readTicketKeys(view: TicketKeysView, errors: ConfigErrors): TicketKeys {
  const keys: Buffer[] = []
  view.keys.forEach((source) => {
    const bytes = readDataSource(source, errors)
    if (bytes === undefined) return
    if (bytes.length !== configuredKeyBytes) {
      const message = `Incorrect TLS session ticket key length in ${sourceName(source)}. Length was ${bytes.length} but expected ${configuredKeyBytes}`
      errors.add(source, source.specifier, `${message}.`)
      return
    }
    const part = (start: number) => bytes.subarray(start, start + partBytes)
    keys.push(Buffer.concat([part(0), part(16), part(48)]))
  })
  return keys
}

const rotationMs = 2 * 24 * 60 * 60 * 1000
/** One more than are read, so that a new key is written where nobody reads. */
const keySlots = 3
const wordsOfKey = nodeKeyBytes / 8

/**
 * Keys for listeners that configure none, the same in all processes: as in Envoy a new one is made every two days, by
 * whoever finds that it is time, and tickets of the one before are still taken.
 */
export class SharedTicketKeys implements TicketKeySource {
  readonly #count: BigInt64Array
  /** Wall clock, in milliseconds. */
  readonly #nextRotation: BigInt64Array
  readonly #words: readonly BigInt64Array[]
  readonly #nowMs: () => number
  #readCount = 0n
  #keys: TicketKeys

  /** Main is the first to have one, before there are workers. */
  constructor(shared: SharedMemory, nowMs: () => number = wallMs) {
    this.#nowMs = nowMs
    this.#count = shared.cell64('tls.session_ticket_keys.count')
    this.#nextRotation = shared.cell64('tls.session_ticket_keys.next_rotation')
    this.#words = Array.from({ length: keySlots * wordsOfKey }, (_, i) =>
      shared.cell64(`tls.session_ticket_keys.word.${i}`),
    )
    // Used by nobody else, where the shared memory is full.
    this.#keys = [randomBytes(nodeKeyBytes)]
    this.current()
  }

  current(): TicketKeys {
    const next = Atomics.load(this.#nextRotation, 0)
    const now = BigInt(Math.trunc(this.#nowMs()))
    if (now >= next) {
      const isOurs = Atomics.compareExchange(this.#nextRotation, 0, next, now + BigInt(rotationMs)) === next
      if (isOurs) this.#make()
    }
    const count = Atomics.load(this.#count, 0)
    if (count !== this.#readCount) {
      this.#readCount = count
      this.#keys = count < 2n ? [this.#key(0n)] : [this.#key(count - 1n), this.#key(count - 2n)]
    }
    return this.#keys
  }

  #make(): void {
    const made = randomBytes(nodeKeyBytes)
    const count = Atomics.load(this.#count, 0)
    this.#slot(count).forEach((word, i) => {
      Atomics.store(word, 0, made.readBigInt64LE(i * 8))
    })
    Atomics.store(this.#count, 0, count + 1n)
  }

  #key(index: bigint): Buffer {
    const key = Buffer.alloc(nodeKeyBytes)
    this.#slot(index).forEach((word, i) => {
      key.writeBigInt64LE(Atomics.load(word, 0), i * 8)
    })
    return key
  }

  #slot(index: bigint): readonly BigInt64Array[] {
    const start = Number(index % BigInt(keySlots)) * wordsOfKey
    return this.#words.slice(start, start + wordsOfKey)
  }
}

/**
 * Node takes one key, and replaces no ticket that was used. For more its contexts have a callback without a public name,
 * which is asked for each ticket: it answers with [status, HMAC key, AES key] to decrypt (0: unknown, 1: known, 2: known,
 * and to be renewed), and with [1, HMAC key, AES key, name, IV] to encrypt.
 */
interface ContextInternals {
  readonly context: {
    enableTicketKeyCallback(): void
    onticketkeycallback: (name: Buffer, iv: Buffer, encrypt: boolean) => unknown[]
  }
}

/** `renewsAll`: also tickets of the first key are followed by new ones when they are used. */
export function useTicketKeys(context: SecureContext, source: TicketKeySource, renewsAll: boolean): void {
  const internals = (context as unknown as ContextInternals).context
  const answer = (key: Buffer) => [key.subarray(16, 32), key.subarray(32, 48)]
  internals.onticketkeycallback = (name, _iv, encrypt) => {
    const keys = source.current()
    const [first] = keys
    if (encrypt) return [1, ...answer(first), first.subarray(0, 16), randomBytes(16)]
    const known = keys.find((key) => name.compare(key, 0, 16) === 0)
    if (known === undefined) return [0, ...answer(first)]
    return [known === first && !renewsAll ? 1 : 2, ...answer(known)]
  }
  internals.enableTicketKeyCallback()
}
