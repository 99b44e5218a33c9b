// Reads what a TLS client offers in its first message (RFC 8446 4.1.2), before the handshake begins: the certificate is
// chosen by it, and a failed handshake is explained by it.

import { latin1Slice } from '../../common/latin1.ts'

export interface ClientHello {
  /** Lower case; '' where none was sent. */
  readonly serverName: string
  readonly applicationProtocols: readonly string[]
  /** TLS 1.3 is among what the client speaks. */
  readonly offersTls13: boolean
  readonly cipherSuites: readonly number[]
  readonly groups: readonly number[]
  readonly signatureAlgorithms: readonly number[]
  /** A stapled OCSP response is wanted. */
  readonly wantsOcspResponse: boolean
}

const recordHeaderBytes = 5
const handshakeRecord = 22
const clientHelloMessage = 1
const largestHelloBytes = 16 * 1024

const extension = {
  serverName: 0,
  statusRequest: 5,
  supportedGroups: 10,
  signatureAlgorithms: 13,
  applicationProtocols: 16,
  supportedVersions: 43,
} as const

/** The message, 'incomplete' where more bytes are needed, or 'invalid' for what is none: nothing is thrown. */
export function parseClientHello(bytes: Buffer): ClientHello | 'incomplete' | 'invalid' {
  const message = firstMessage(bytes)
  if (typeof message === 'string') return message
  try {
    return readHello(new Reader(message, 4, message.length))
  } catch (error) {
    if (error instanceof RangeError) return 'invalid'
    throw error
  }
}

/** The first handshake message, put together from as many records as it came in. */
function firstMessage(bytes: Buffer): Buffer | 'incomplete' | 'invalid' {
  const parts: Buffer[] = []
  let gathered = 0
  let offset = 0
  for (;;) {
    if (offset >= bytes.length) return 'incomplete'
    if (bytes[offset] !== handshakeRecord) return 'invalid'
    if (offset + 1 < bytes.length && bytes[offset + 1] !== 3) return 'invalid'
    if (offset + recordHeaderBytes > bytes.length) return 'incomplete'
    const length = bytes.readUInt16BE(offset + 3)
    if (length === 0) return 'invalid'
    const end = offset + recordHeaderBytes + length
    const part = bytes.subarray(offset + recordHeaderBytes, Math.min(end, bytes.length))
    parts.push(part)
    gathered += part.length
    const message = parts.length === 1 ? part : Buffer.concat(parts, gathered)
    if (gathered > 0 && message[0] !== clientHelloMessage) return 'invalid'
    if (gathered >= 4) {
      const size = 4 + message.readUIntBE(1, 3)
      if (size > largestHelloBytes) return 'invalid'
      if (gathered >= size) return message.subarray(0, size)
    }
    if (end > bytes.length) return 'incomplete'
    offset = end
  }
}

/** Takes values off a part of a buffer. Throws RangeError at its end. */
class Reader {
  readonly #data: Buffer
  #offset: number
  readonly #end: number

  constructor(data: Buffer, offset: number, end: number) {
    if (end > data.length) throw new RangeError('truncated')
    this.#data = data
    this.#offset = offset
    this.#end = end
  }

  get hasMore(): boolean {
    return this.#offset < this.#end
  }

  take(count: number): number {
    if (this.#offset + count > this.#end) throw new RangeError('truncated')
    const value = this.#data.readUIntBE(this.#offset, count)
    this.#offset += count
    return value
  }

  skip(count: number): void {
    if (this.#offset + count > this.#end) throw new RangeError('truncated')
    this.#offset += count
  }

  /** What follows a length of so many bytes. */
  vector(lengthBytes: number): Reader {
    const length = this.take(lengthBytes)
    const start = this.#offset
    this.skip(length)
    return new Reader(this.#data, start, start + length)
  }

  text(): string {
    return latin1Slice(this.#data, this.#offset, this.#end)
  }

  numbers16(): number[] {
    const numbers: number[] = []
    while (this.hasMore) numbers.push(this.take(2))
    return numbers
  }
}

function readHello(reader: Reader): ClientHello {
  // legacy_version and random
  reader.skip(2 + 32)
  reader.vector(1)
  const cipherSuites = reader.vector(2).numbers16()
  reader.vector(1)
  const hello = {
    serverName: '',
    applicationProtocols: [] as string[],
    offersTls13: false,
    cipherSuites,
    groups: [] as number[],
    signatureAlgorithms: [] as number[],
    wantsOcspResponse: false,
  }
  const extensions = reader.hasMore ? reader.vector(2) : undefined
  while (extensions?.hasMore) {
    const type = extensions.take(2)
    const body = extensions.vector(2)
    switch (type) {
      case extension.serverName:
        hello.serverName = readServerName(body)
        break
      case extension.applicationProtocols:
        hello.applicationProtocols = readProtocols(body)
        break
      case extension.supportedVersions:
        hello.offersTls13 = body.vector(1).numbers16().includes(0x0304)
        break
      case extension.supportedGroups:
        hello.groups = body.vector(2).numbers16()
        break
      case extension.signatureAlgorithms:
        hello.signatureAlgorithms = body.vector(2).numbers16()
        break
      case extension.statusRequest:
        hello.wantsOcspResponse = body.take(1) === 1
        break
    }
  }
  return hello
}

function readServerName(body: Reader): string {
  const list = body.vector(2)
  while (list.hasMore) {
    const type = list.take(1)
    const name = list.vector(2)
    if (type === 0) return name.text().toLowerCase()
  }
  return ''
}

function readProtocols(body: Reader): string[] {
  const list = body.vector(2)
  const protocols: string[] = []
  while (list.hasMore) protocols.push(list.vector(1).text())
  return protocols
}
