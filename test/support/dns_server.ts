// A DNS server on loopback (UDP and TCP) whose answers a test sets and changes: A and AAAA records, errors, silence.

import { createSocket, type Socket } from 'node:dgram'
import { createServer, type Server, type Socket as TcpSocket } from 'node:net'
import { parseIp } from '../../src/common/cidr.ts'

export type RecordType = 'A' | 'AAAA'

/**
 * What a name answers, or with `*` for its first label every name beside it. No entry for a name is NXDOMAIN; an entry
 * without addresses of the asked family is NODATA.
 */
export type Zone =
  | { readonly addresses: readonly string[]; readonly ttlSeconds?: number; readonly truncateUdp?: boolean }
  | { readonly responseCode: 'SERVFAIL' | 'REFUSED' | 'NXDOMAIN' }
  | { readonly silent: true }

export interface DnsQuery {
  readonly name: string
  readonly type: RecordType
  readonly transport: 'udp' | 'tcp'
}

const responseCodes = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const
const typeNumbers: Readonly<Record<number, RecordType>> = { 1: 'A', 28: 'AAAA' }
const truncatedFlag = 0x0200
const headerBytes = 12

export class DnsServer {
  readonly port: number
  /** Every question that came, in order. */
  readonly queries: DnsQuery[] = []
  readonly #zones = new Map<string, Zone>()
  readonly #udp: Socket
  readonly #tcp: Server
  readonly #connections = new Set<TcpSocket>()
  #waiting: { count: number; wake: () => void }[] = []

  private constructor(udp: Socket, tcp: Server, port: number) {
    this.#udp = udp
    this.#tcp = tcp
    this.port = port
    udp.on('message', (message, peer) => {
      const answer = this.#answer(message, 'udp')
      if (answer !== undefined) udp.send(answer, peer.port, peer.address)
    })
    tcp.on('connection', (socket) => this.#serve(socket))
  }

  /** Listens on one free port for both transports. */
  static async start(): Promise<DnsServer> {
    const tcp = createServer()
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
    const address = tcp.address()
    if (address === null || typeof address === 'string') throw new Error('no TCP port')
    const udp = createSocket('udp4')
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject)
      udp.bind(address.port, '127.0.0.1', resolve)
    })
    return new DnsServer(udp, tcp, address.port)
  }

  set(name: string, zone: Zone): void {
    this.#zones.set(name.toLowerCase(), zone)
  }

  delete(name: string): void {
    this.#zones.delete(name.toLowerCase())
  }

  /** Resolves when `count` questions have come since the start. */
  queried(count: number): Promise<void> {
    if (this.queries.length >= count) return Promise.resolve()
    return new Promise((wake) => this.#waiting.push({ count, wake }))
  }

  async stop(): Promise<void> {
    for (const socket of this.#connections) socket.destroy()
    await Promise.all([
      new Promise<void>((resolve) => this.#udp.close(resolve)),
      new Promise<void>((resolve) => this.#tcp.close(() => resolve())),
    ])
  }

  #serve(socket: TcpSocket): void {
    this.#connections.add(socket)
    socket.on('close', () => this.#connections.delete(socket)).on('error', () => {})
    let bytes: Buffer = Buffer.alloc(0)
    socket.on('data', (data: Buffer) => {
      bytes = Buffer.concat([bytes, data])
      while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
        const end = 2 + bytes.readUInt16BE(0)
        const answer = this.#answer(bytes.subarray(2, end), 'tcp')
        bytes = bytes.subarray(end)
        if (answer === undefined) continue
        socket.write(Buffer.concat([uint16(answer.length), answer]))
      }
    })
  }

  /** Undefined where the server keeps silent. */
  #answer(message: Buffer, transport: DnsQuery['transport']): Buffer | undefined {
    const question = readQuestion(message)
    const type = typeNumbers[question.typeNumber]
    if (type !== undefined) this.#note({ name: question.name, type, transport })
    const zone = this.#zones.get(question.name) ?? this.#zones.get(question.name.replace(/^[^.]+/, '*'))
    if (zone === undefined) return reply(message, question.end, responseCodes.NXDOMAIN, 0, [])
    if ('silent' in zone) return undefined
    if ('responseCode' in zone) return reply(message, question.end, responseCodes[zone.responseCode], 0, [])
    if (zone.truncateUdp === true && transport === 'udp') {
      return reply(message, question.end, responseCodes.NOERROR, truncatedFlag, [])
    }
    const words = type === 'A' ? 1 : 4
    const records = zone.addresses.flatMap((text) => {
      const address = parseIp(text)
      if (address === undefined) throw new Error(`no IP address: ${text}`)
      return address.words.length === words ? [record(question.typeNumber, zone.ttlSeconds ?? 60, address.words)] : []
    })
    return reply(message, question.end, responseCodes.NOERROR, 0, records)
  }

  #note(query: DnsQuery): void {
    this.queries.push(query)
    const due = this.#waiting.filter(({ count }) => this.queries.length >= count)
    this.#waiting = this.#waiting.filter((each) => !due.includes(each))
    for (const { wake } of due) wake()
  }
}

function readQuestion(message: Buffer): { name: string; typeNumber: number; end: number } {
  const labels: string[] = []
  let at = headerBytes
  while (message[at] !== 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + message[at]))
    at += 1 + message[at]
  }
  return { name: labels.join('.').toLowerCase(), typeNumber: message.readUInt16BE(at + 1), end: at + 5 }
}

/** RFC 1035 section 4.1; additional records of the query (EDNS) are not repeated. */
function reply(message: Buffer, questionEnd: number, code: number, flags: number, records: Buffer[]): Buffer {
  const head = Buffer.alloc(headerBytes)
  message.copy(head, 0, 0, 2)
  head.writeUInt16BE(0x8180 | flags | code, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(records.length, 6)
  return Buffer.concat([head, message.subarray(headerBytes, questionEnd), ...records])
}

function record(typeNumber: number, ttlSeconds: number, words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(12 + words.length * 4)
  bytes.writeUInt16BE(0xc000 | headerBytes, 0)
  bytes.writeUInt16BE(typeNumber, 2)
  bytes.writeUInt16BE(1, 4)
  bytes.writeUInt32BE(ttlSeconds, 6)
  bytes.writeUInt16BE(words.length * 4, 10)
  for (const [i, word] of words.entries()) bytes.writeUInt32BE(word, 12 + i * 4)
  return bytes
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value, 0)
  return bytes
}
