// Parses PROXY protocol headers, version 1 (a line of text) and version 2 (bytes), as strictly as Envoy.

import { formatIp, parseIp } from '../../../../common/cidr.ts'
import { latin1Slice } from '../../../../common/latin1.ts'
import { ipAddress } from '../../../../network/address.ts'
import {
  type ProxyProtocolTlv,
  proxyProtocolV1Signature as v1Signature,
  proxyProtocolV2Signature as v2Signature,
} from '../../../../network/proxy_protocol.ts'
import type { AddressInfo } from '../../../../stream_info/stream_info.ts'

export interface ProxyHeader {
  /** Of the whole header, version 2's TLVs included. */
  readonly lengthBytes: number
  /** Where version 2's TLVs begin; they end with the header. */
  readonly tlvStart: number
  /** Undefined where the header leaves the connection's own addresses in force (UNKNOWN, LOCAL). */
  readonly addresses: { readonly source: AddressInfo; readonly destination: AddressInfo } | undefined
}

/** - more: the header is not all there - found - refused: the bytes are no header, or a wrong one */
export type HeaderOutcome = 'more' | 'found' | 'refused'

const v1LimitBytes = 108
const v2HeaderBytes = 16
const v2Version = 2
const Command = { local: 0, proxy: 1 } as const
const Family = { ipv4: 1, ipv6: 2 } as const
const Transport = { stream: 1, datagram: 2 } as const
/** What a header may take before it is known to be longer: version 2 with the addresses of pipes. */
export const firstReadBytes = v2HeaderBytes + 216

/** Reads the header of one connection; each call gets all bytes from the start, more than before. */
export class ProxyHeaderReader {
  /** 0 as long as it is not known. */
  version: 0 | 1 | 2 = 0
  header: ProxyHeader | undefined = undefined
  #searched = 1

  /** Finds out which version it is, if that can be told. */
  detect(data: Buffer): HeaderOutcome {
    if (this.version !== 0) return 'found'
    if (data.length >= v2HeaderBytes) {
      if (startsLike(data, v2Signature)) this.version = 2
      else if (!startsLike(data, v1Signature)) return 'refused'
    }
    if (this.version === 0 && this.#findLineEnd(data)) this.version = 1
    if (this.version !== 2 && this.#searched > v1LimitBytes) return 'refused'
    return this.version === 0 ? 'more' : 'found'
  }

  /** To be called once the version is known. */
  parse(data: Buffer): HeaderOutcome {
    if (this.version === 2) return this.#parseV2(data)
    this.header = parseLine(latin1Slice(data, 0, this.#searched))
    return this.header === undefined ? 'refused' : 'found'
  }

  /** A line end at the very start may be version 2's signature: it is no line. */
  #findLineEnd(data: Buffer): boolean {
    for (; this.#searched < data.length; this.#searched++) {
      if (data[this.#searched] !== 0x0a || data[this.#searched - 1] !== 0x0d) continue
      if (this.#searched === 1) return false
      this.#searched++
      return true
    }
    return false
  }

  #parseV2(data: Buffer): HeaderOutcome {
    const version = data[12] >>> 4
    const command = data[12] & 0x0f
    const family = data[13] >>> 4
    const transport = data[13] & 0x0f
    const restBytes = data.readUInt16BE(14)
    if (version !== v2Version) return 'refused'
    const lengthBytes = v2HeaderBytes + restBytes
    if (command === Command.local) {
      this.header = { lengthBytes, tlvStart: lengthBytes, addresses: undefined }
      return 'found'
    }
    if (family !== Family.ipv4 && family !== Family.ipv6) return 'refused'
    const ipBytes = family === Family.ipv4 ? 4 : 16
    const addressBytes = 2 * ipBytes + 4
    if (restBytes < addressBytes) return 'refused'
    if (data.length < v2HeaderBytes + addressBytes) return 'more'
    if (command !== Command.proxy) return 'refused'
    if (transport !== Transport.stream && transport !== Transport.datagram) return 'refused'
    this.header = { lengthBytes, tlvStart: v2HeaderBytes + addressBytes, addresses: readAddresses(data, ipBytes) }
    return 'found'
  }
}

/** Whether the bytes that are there are the beginning of the signature, or the signature of them. */
export function startsLike(data: Buffer, signature: Buffer): boolean {
  const length = Math.min(data.length, signature.length)
  return data.compare(signature, 0, length, 0, length) === 0
}

function readAddresses(data: Buffer, ipBytes: number): ProxyHeader['addresses'] {
  const sourceAt = v2HeaderBytes
  const destinationAt = sourceAt + ipBytes
  const portsAt = destinationAt + ipBytes
  return {
    source: ipAddress(readIp(data, sourceAt, ipBytes), data.readUInt16BE(portsAt)),
    destination: ipAddress(readIp(data, destinationAt, ipBytes), data.readUInt16BE(portsAt + 2)),
  }
}

function readIp(data: Buffer, start: number, bytes: number): string {
  const words: number[] = []
  for (let i = start; i < start + bytes; i += 4) words.push(data.readUInt32BE(i))
  return formatIp({ words })
}

/** `PROXY TCP4|TCP6|UNKNOWN source destination sourcePort destinationPort`, single spaces between. */
function parseLine(line: string): ProxyHeader | undefined {
  const lengthBytes = line.length
  const parts = line.trimEnd().split(' ')
  const [signature, family, source, destination, sourcePort, destinationPort] = parts
  if (signature !== 'PROXY') return undefined
  if (family === 'UNKNOWN') return { lengthBytes, tlvStart: lengthBytes, addresses: undefined }
  if (parts.length !== 6 || (family !== 'TCP4' && family !== 'TCP6')) return undefined
  const words = family === 'TCP4' ? 1 : 4
  const from = addressOf(source, sourcePort, words)
  const to = addressOf(destination, destinationPort, words)
  if (from === undefined || to === undefined) return undefined
  return { lengthBytes, tlvStart: lengthBytes, addresses: { source: from, destination: to } }
}

function addressOf(ip: string, port: string, words: number): AddressInfo | undefined {
  const parsed = ip.includes('%') ? undefined : parseIp(ip)
  if (parsed === undefined || parsed.words.length !== words || !/^\+?\d+$/.test(port)) return undefined
  const number = Number(port)
  return number > 65_535 ? undefined : ipAddress(formatIp(parsed), number)
}

/** A peer of a TCP connection is one machine: not any, not all, not a group. */
export function isUnicast(address: AddressInfo): boolean {
  const words = parseIp(address.ip)?.words ?? [0]
  if (words.every((word) => word === 0)) return false
  if (words.length === 1) return words[0] !== 0xffffffff && words[0] >>> 28 !== 0xe
  return words[0] >>> 24 !== 0xff
}

/** The TLVs of version 2 (section 2.2.6 of its text). `whole`: none of them reaches beyond the end. */
export function parseTlvs(data: Buffer): { tlvs: ProxyProtocolTlv[]; whole: boolean } {
  const tlvs: ProxyProtocolTlv[] = []
  let position = 0
  while (position < data.length) {
    if (position + 3 > data.length) return { tlvs, whole: false }
    const end = position + 3 + data.readUInt16BE(position + 1)
    if (end > data.length) return { tlvs, whole: false }
    // A copy: the bytes around it need not stay for it.
    tlvs.push({ type: data[position], value: Buffer.from(data.subarray(position + 3, end)) })
    position = end
  }
  return { tlvs, whole: true }
}
