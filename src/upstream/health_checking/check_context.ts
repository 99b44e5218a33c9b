// A check's request in the terms of formats: there is no client, so Envoy says that it comes from 127.0.0.1.

import { type FormatterContext, unansweredContext } from '../../access_log/formatter_context.ts'
import { wallMs } from '../../common/clock.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import { ipAddress } from '../../network/address.ts'
import { bareConnection } from '../../stream_info/bare_connection.ts'
import { type Protocol, StreamInfo } from '../../stream_info/stream_info.ts'
import type { Host } from '../host.ts'

const nobody = ipAddress('127.0.0.1', 0)

export function checkContext(host: Host, protocol: Protocol, requestHeaders: HeaderMap): FormatterContext {
  const connection = bareConnection(0, nobody, nobody)
  const info = new StreamInfo(connection, connection.acceptedAtMs, wallMs())
  info.protocol = protocol
  info.upstreamInfo().host = host
  return unansweredContext(info, requestHeaders)
}
