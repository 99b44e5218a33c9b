// An upstream connection in the terms of formats: they call its two ends downstream's, as in Envoy.

import type { Socket } from 'node:net'
import { localAddressOf, pipeAddress } from '../../../network/address.ts'
import { bareConnection } from '../../../stream_info/bare_connection.ts'
import { StreamInfo, type UpstreamHostInfo } from '../../../stream_info/stream_info.ts'

export function upstreamConnectionInfo(host: UpstreamHostInfo, socket: Socket, connectionId: number): StreamInfo {
  const remoteAddress = host.address
  const localAddress = localAddressOf(socket) ?? pipeAddress('')
  const connection = bareConnection(connectionId, remoteAddress, localAddress)
  const info = new StreamInfo(connection, connection.acceptedAtMs, Date.now())
  info.upstreamInfo().host = host
  return info
}
