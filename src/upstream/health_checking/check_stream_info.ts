// A check's request in the terms of formats: there is no client, so Envoy says that it comes from 127.0.0.1.

import { monotonicMs, wallMs } from '../../common/clock.ts'
import { ipAddress } from '../../network/address.ts'
import { type Protocol, StreamInfo } from '../../stream_info/stream_info.ts'
import type { Host } from '../host.ts'

const nobody = ipAddress('127.0.0.1', 0)

export function checkStreamInfo(host: Host, protocol: Protocol): StreamInfo {
  const nowMs = monotonicMs()
  const facts = {
    connectionId: 0,
    remoteAddress: nobody,
    localAddress: nobody,
    directRemoteAddress: nobody,
    directLocalAddress: nobody,
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
  const info = new StreamInfo(facts, nowMs, wallMs())
  info.protocol = protocol
  info.upstreamInfo().host = host
  return info
}
