// The bytes of a PROXY protocol header (haproxy.org, proxy-protocol.txt, version 1 in section 2.1, version 2 in 2.2).

import { type IpAddress, parseIp } from '../common/cidr.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import { type ProxyProtocolData, type ProxyProtocolTlv, proxyProtocolV2Signature } from './proxy_protocol.ts'

/** Version 2 in the upper half of the byte. */
const localCommand = 0x20
const proxyCommand = 0x21
/** The address family, with SOCK_STREAM in the lower half. */
const tcpOver: Readonly<Record<AddressInfo['family'], number>> = { ipv4: 0x11, ipv6: 0x21, pipe: 0 }
/** What the length field can hold. */
const mostBytesAfterHeader = 0xffff
/** Type and length. */
const tlvHeadBytes = 3

/** `UNKNOWN` where there is no IP address to tell. */
export function version1Header(source: AddressInfo | undefined, destination: AddressInfo | undefined): string {
  if (source === undefined || destination === undefined || source.family === 'pipe') return 'PROXY UNKNOWN\r\n'
  const family = source.family === 'ipv4' ? 'TCP4' : 'TCP6'
  return `PROXY ${family} ${source.ip} ${destination.ip} ${source.port} ${destination.port}\r\n`
}

/** The connection is the proxy's own: there is nobody to tell of. */
export function version2LocalHeader(): Buffer {
  return Buffer.concat([proxyProtocolV2Signature, Buffer.from([localCommand, 0, 0, 0])])
}

/** Without those of the TLVs for which there is no room: `onTooLong` is called then. */
export function version2Header(
  { source, destination }: ProxyProtocolData,
  tlvs: readonly ProxyProtocolTlv[],
  onTooLong: () => void,
): Buffer {
  const addresses = source.family === 'pipe' ? Buffer.alloc(0) : addressBytes(source, destination)
  const parts = [addresses]
  let bytes = addresses.length
  for (const tlv of tlvs) {
    const size = tlvHeadBytes + tlv.value.length
    if (bytes + size > mostBytesAfterHeader) continue
    bytes += size
    parts.push(tlvBytes(tlv))
  }
  if (parts.length <= tlvs.length) onTooLong()
  const head = Buffer.from([proxyCommand, tcpOver[source.family], 0, 0])
  head.writeUInt16BE(bytes, 2)
  return Buffer.concat([proxyProtocolV2Signature, head, ...parts])
}

function addressBytes(source: AddressInfo, destination: AddressInfo): Buffer {
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(source.port, 0)
  ports.writeUInt16BE(destination.port, 2)
  return Buffer.concat([ipBytes(parseIp(source.ip)), ipBytes(parseIp(destination.ip)), ports])
}

function ipBytes(address: IpAddress | undefined): Buffer {
  const words = address?.words ?? []
  const bytes = Buffer.alloc(words.length * 4)
  words.forEach((word, index) => {
    bytes.writeUInt32BE(word, index * 4)
  })
  return bytes
}

function tlvBytes({ type, value }: ProxyProtocolTlv): Buffer {
  const head = Buffer.from([type, 0, 0])
  head.writeUInt16BE(value.length, 1)
  return Buffer.concat([head, value])
}
