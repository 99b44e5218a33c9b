// An upstream connection in the terms of formats: they call its two ends downstream's, as in Envoy.

import type { Socket } from 'node:net'
import { monotonicMs } from '../../../common/clock.ts'
import { localAddressOf, pipeAddress } from '../../../network/address.ts'
import { StreamInfo, type UpstreamHostInfo } from '../../../stream_info/stream_info.ts'

export function upstreamConnectionInfo(host: UpstreamHostInfo, socket: Socket, connectionId: number): StreamInfo {
  const remoteAddress = host.address
  const localAddress = localAddressOf(socket) ?? pipeAddress('')
  const nowMs = monotonicMs()
  const facts = {
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
    listenerName: '',
    filterChainName: '',
    acceptedAtMs: nowMs,
    roundTripTimeMs: () => undefined,
  }
  const info = new StreamInfo(facts, nowMs, Date.now())
  info.upstreamInfo().host = host
  return info
}
