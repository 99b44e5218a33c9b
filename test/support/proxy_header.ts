/** Builds PROXY protocol headers of version 2, right and wrong ones. */
import { u8, u16, vector16 } from './client_hello.ts'

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

export interface ProxyHeaderParts {
  /** Version and command: 0x21 PROXY, 0x20 LOCAL. */
  command?: number
  /** Family and transport: 0x11 TCP over IPv4, 0x21 over IPv6. */
  family?: number
  /** What follows the length, addresses and ports; TLVs come behind it. */
  addresses?: Buffer
  tlvs?: readonly (readonly [type: number, value: Buffer | string])[]
  /** Bytes behind the TLVs, within the length. */
  trailer?: Buffer
  /** Instead of the true length. */
  length?: number
}

export function ipv4Addresses(
  source: string,
  sourcePort: number,
  destination: string,
  destinationPort: number,
): Buffer {
  const bytes = (ip: string) => u8(...ip.split('.').map(Number))
  return Buffer.concat([bytes(source), bytes(destination), u16(sourcePort, destinationPort)])
}

/** Addresses as eight groups each. */
export function ipv6Addresses(
  source: number[],
  sourcePort: number,
  destination: number[],
  destinationPort: number,
): Buffer {
  return Buffer.concat([u16(...source), u16(...destination), u16(sourcePort, destinationPort)])
}

export function tlv(type: number, value: Buffer | string): Buffer {
  return Buffer.concat([u8(type), vector16(typeof value === 'string' ? Buffer.from(value, 'latin1') : value)])
}

export function proxyHeader(parts: ProxyHeaderParts = {}): Buffer {
  const rest = Buffer.concat([
    parts.addresses ?? ipv4Addresses('1.2.3.4', 5678, '10.0.0.1', 443),
    ...(parts.tlvs ?? []).map(([type, value]) => tlv(type, value)),
    parts.trailer ?? Buffer.alloc(0),
  ])
  const head = u8(parts.command ?? 0x21, parts.family ?? 0x11)
  return Buffer.concat([signature, head, u16(parts.length ?? rest.length), rest])
}
