/** Native socket addresses (`struct sockaddr_in`, `sockaddr_in6`, `sockaddr_un`) to and from plain objects. */
import { libc, SystemCallError } from './libc.ts'

export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10

export interface Ipv4Address {
  readonly family: 'ipv4'
  /** Dotted quad. */
  readonly address: string
  readonly port: number
}

export interface Ipv6Address {
  readonly family: 'ipv6'
  /** RFC 5952 text; a link-local address may carry a zone: `fe80::1%eth0`. */
  readonly address: string
  readonly port: number
}

/** A unix domain socket. A path that begins with '@' is in Linux's abstract namespace, as Envoy writes it. */
export interface PipeAddress {
  readonly family: 'pipe'
  readonly path: string
}

export type SocketAddress = Ipv4Address | Ipv6Address | PipeAddress

const SOCKADDR_IN_BYTES = 16
const SOCKADDR_IN6_BYTES = 28
const SUN_PATH_OFFSET = 2
const SUN_PATH_LIMIT_BYTES = 108
const EINVAL = 22
const ENAMETOOLONG = 36

/** Room enough for every address kind above. */
export const SOCKADDR_LIMIT_BYTES = 128

/** AF_* number of an address. */
export function addressFamilyNumber(address: SocketAddress): number {
  return address.family === 'ipv4' ? AF_INET : address.family === 'ipv6' ? AF_INET6 : AF_UNIX
}

/** An address as the kernel wants it. Throws EINVAL for text that is no address, ENAMETOOLONG for a long path. */
export function encodeSocketAddress(address: SocketAddress): Uint8Array {
  if (address.family === 'pipe') return encodePipe(address.path)
  if (!Number.isInteger(address.port) || address.port < 0 || address.port > 65535) {
    throw new SystemCallError('bind', EINVAL, `port ${address.port}`)
  }
  const bytes = new Uint8Array(address.family === 'ipv4' ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES)
  const view = new DataView(bytes.buffer)
  // sa_family is in host order (little-endian on every platform the runtime is pinned for), the port is not.
  view.setUint16(0, addressFamilyNumber(address), true)
  view.setUint16(2, address.port)
  if (address.family === 'ipv4') {
    writeIp(AF_INET, address.address, bytes.subarray(4, 8))
    return bytes
  }
  const [ip, zone] = splitZone(address.address)
  writeIp(AF_INET6, ip, bytes.subarray(8, 24))
  if (zone !== undefined) view.setUint32(24, zoneIndex(zone), true)
  return bytes
}

/** The kernel's bytes as an address; undefined for a family that is none of the three. */
export function decodeSocketAddress(bytes: Uint8Array, length: number): SocketAddress | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const family = view.getUint16(0, true)
  if (family === AF_INET) return { family: 'ipv4', address: bytes.subarray(4, 8).join('.'), port: view.getUint16(2) }
  if (family === AF_INET6) return { family: 'ipv6', address: formatIpv6(view), port: view.getUint16(2) }
  if (family === AF_UNIX) return { family: 'pipe', path: decodePipe(bytes.subarray(SUN_PATH_OFFSET, length)) }
  return undefined
}

function writeIp(family: number, text: string, into: Uint8Array): void {
  const parsed = new Uint8Array(16)
  if (libc.inetPton(family, text, parsed) !== 1) throw new SystemCallError('inet_pton', EINVAL, text)
  into.set(parsed.subarray(0, into.length))
}

function splitZone(text: string): [string, string | undefined] {
  const percent = text.indexOf('%')
  return percent < 0 ? [text, undefined] : [text.slice(0, percent), text.slice(percent + 1)]
}

function zoneIndex(zone: string): number {
  const index = /^\d+$/.test(zone) ? Number(zone) : libc.ifNameToIndex(zone)
  if (index === 0) throw new SystemCallError('if_nametoindex', EINVAL, zone)
  return index
}

function encodePipe(path: string): Uint8Array {
  const abstract = path.startsWith('@')
  const name = Buffer.from(abstract ? path.slice(1) : path)
  if (name.length === 0) throw new SystemCallError('bind', EINVAL, 'empty pipe path')
  // An abstract name has a leading zero byte, a path a trailing one: both cost one byte of the room.
  if (name.length + 1 > SUN_PATH_LIMIT_BYTES) throw new SystemCallError('bind', ENAMETOOLONG, path)
  const bytes = new Uint8Array(SUN_PATH_OFFSET + name.length + 1)
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true)
  bytes.set(name, SUN_PATH_OFFSET + (abstract ? 1 : 0))
  return bytes
}

function decodePipe(bytes: Uint8Array): string {
  if (bytes.length === 0) return ''
  if (bytes[0] === 0) return `@${Buffer.from(bytes.subarray(1)).toString()}`
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString()
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as '::'. */
function formatIpv6(view: DataView): string {
  const groups: number[] = []
  for (let i = 0; i < 8; i++) groups.push(view.getUint16(8 + i * 2))
  if (isIpv4Mapped(groups)) {
    const [high, low] = [groups[6], groups[7]]
    return `::ffff:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
  }
  const [start, length] = longestZeroRun(groups)
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  const compressed =
    length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
  const scope = view.getUint32(24, true)
  return scope === 0 ? compressed : `${compressed}%${scope}`
}

function isIpv4Mapped(groups: number[]): boolean {
  return groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
}

function longestZeroRun(groups: number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0]
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && groups[start + length] === 0) length++
    if (length > best[1]) best = [start, length]
  }
  return best
}
