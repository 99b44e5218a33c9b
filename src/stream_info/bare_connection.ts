// A connection without TLS, filter chain or listener filters, in the terms of logs: what the proxy itself begins or serves.

import { monotonicMs } from '../common/clock.ts'
import type { AddressInfo, DownstreamInfo } from './stream_info.ts'

export function bareConnection(
  connectionId: number,
  remoteAddress: AddressInfo,
  localAddress: AddressInfo,
  listenerName = '',
): DownstreamInfo {
  return {
    connectionId,
    remoteAddress,
    localAddress,
    directRemoteAddress: remoteAddress,
    directLocalAddress: localAddress,
    requestedServerName: '',
    tls: undefined,
    transportFailureReason: '',
    isSecure: false,
    detectedCloseType: '',
    localCloseReason: '',
    listenerName,
    filterChainName: '',
    acceptedAtMs: monotonicMs(),
    roundTripTimeMs: () => undefined,
  }
}
