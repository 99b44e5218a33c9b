// Keys of session tickets: with the same in every worker, a client resumes its session at any of them.

import { randomBytes } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import type { envoy } from '../../../proto/generated/api.d.ts'
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

/** The key that main makes at its start, and every worker of it then knows. */
export function sharedTicketKeys(shared: SharedMemory, isMain: boolean): TicketKeys {
  const words = Array.from({ length: nodeKeyBytes / 8 }, (_, i) => shared.cell64(`tls.session_ticket_key.${i}`))
  if (isMain && Atomics.load(words[0], 0) === 0n) {
    const made = randomBytes(nodeKeyBytes)
    words.forEach((word, i) => {
      Atomics.store(word, 0, made.readBigInt64LE(i * 8))
    })
  }
  const key = Buffer.alloc(nodeKeyBytes)
  words.forEach((word, i) => {
    key.writeBigInt64LE(Atomics.load(word, 0), i * 8)
  })
  return [key]
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
export function useTicketKeys(context: SecureContext, keys: TicketKeys, renewsAll: boolean): void {
  const internals = (context as unknown as ContextInternals).context
  const [first] = keys
  const answers = keys.map((key) => [key.subarray(16, 32), key.subarray(32, 48)])
  const firstName = first.subarray(0, 16)
  internals.onticketkeycallback = (name, _iv, encrypt) => {
    if (encrypt) return [1, ...answers[0], firstName, randomBytes(16)]
    const known = keys.findIndex((key) => name.compare(key, 0, 16) === 0)
    if (known < 0) return [0, ...answers[0]]
    return [known === 0 && !renewsAll ? 1 : 2, ...answers[known]]
  }
  internals.enableTicketKeyCallback()
}
