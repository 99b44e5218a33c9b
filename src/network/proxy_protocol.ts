// The PROXY protocol (haproxy.org, proxy-protocol.txt): what the side that reads a header and the side that writes one share.

import type { AddressInfo } from '../stream_info/stream_info.ts'

/** What a header says, for whoever passes it on: kept in the connection's filter state under `proxyProtocolState`. */
export interface ProxyProtocolData {
  readonly source: AddressInfo
  readonly destination: AddressInfo
  readonly tlvs: readonly ProxyProtocolTlv[]
}

/** A type-length-value field of version 2. */
export interface ProxyProtocolTlv {
  readonly type: number
  readonly value: Buffer
}

export const proxyProtocolState = 'envoy.network.proxy_protocol_options'

export const proxyProtocolV1Signature = Buffer.from('PROXY ', 'latin1')
export const proxyProtocolV2Signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
