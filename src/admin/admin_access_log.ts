// The access log of the admin interface: one line a request, with the operators of any other access log.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { AccessLog } from '../access_log/access_log.ts'
import { monotonicMs, wallMs } from '../common/clock.ts'
import { HeaderMap } from '../common/header_map.ts'
import { localAddressOf, pipeAddress, remoteAddressOf } from '../network/address.ts'
import { bareConnection } from '../stream_info/bare_connection.ts'
import { type DownstreamInfo, type Protocol, StreamInfo } from '../stream_info/stream_info.ts'

export class AdminAccessLog {
  readonly #logs: readonly AccessLog[]
  readonly #machineAddress: string
  #requests = 0

  /** `machineAddress` stands in x-forwarded-for for a client on this machine, as Envoy has it. */
  constructor(logs: readonly AccessLog[], machineAddress: string) {
    this.#logs = logs
    this.#machineAddress = machineAddress
  }

  /** What is known of the connection; to be asked when the request begins, since the socket may be gone when it ends. */
  begin(socket: Socket): DownstreamInfo {
    return downstreamOf(socket, ++this.#requests)
  }

  write(request: IncomingMessage, downstream: DownstreamInfo, status: number, sentBytes: number): void {
    if (this.#logs.length === 0) return
    const now = monotonicMs()
    const startedAtMs = downstream.acceptedAtMs
    const streamInfo = new StreamInfo(downstream, startedAtMs, wallMs() - (now - startedAtMs))
    streamInfo.protocol = `HTTP/${request.httpVersion}` as Protocol
    streamInfo.responseCode = status
    streamInfo.responseCodeDetails = 'admin_filter_response'
    streamInfo.bytesSent = sentBytes
    streamInfo.lastDownstreamRxByteMs = startedAtMs
    streamInfo.requestCompleteMs = now
    streamInfo.lastDownstreamTxByteMs = now
    const requestHeaders = requestHeadersOf(request)
    if (!requestHeaders.has('x-forwarded-for')) {
      const { ip } = downstream.remoteAddress
      requestHeaders.add('x-forwarded-for', isLocal(ip) ? this.#machineAddress : ip)
    }
    const responseHeaders = new HeaderMap()
    responseHeaders.status = status
    for (const log of this.#logs) {
      log.log({
        requestHeaders,
        responseHeaders,
        responseTrailers: undefined,
        streamInfo,
        localReplyBody: '',
        accessLogType: 'DownstreamEnd',
      })
    }
  }
}

function isLocal(ip: string): boolean {
  return ip === '' || ip === '::1' || ip.startsWith('127.')
}

function downstreamOf(socket: Socket, connectionId: number): DownstreamInfo {
  const remoteAddress = remoteAddressOf(socket) ?? pipeAddress('')
  const localAddress = localAddressOf(socket) ?? pipeAddress('')
  return bareConnection(connectionId, remoteAddress, localAddress, 'admin')
}

function requestHeadersOf(request: IncomingMessage): HeaderMap {
  const headers = new HeaderMap()
  headers.method = request.method ?? ''
  headers.path = request.url ?? ''
  headers.scheme = 'http'
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i].toLowerCase()
    if (name === 'host') headers.authority = request.rawHeaders[i + 1]
    else headers.add(name, request.rawHeaders[i + 1])
  }
  return headers
}
