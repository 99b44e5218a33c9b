// What the tests of this folder share: one that asks a pool for a stream, sends a request by it and keeps what comes of it.

import { HeaderMap } from '../../../src/common/header_map.ts'
import type { RequestEncoder, ResponseDecoder, StreamCallbacks } from '../../../src/http/codec/codec.ts'
import type { PendingStream, PoolCallbacks } from '../../../src/http/conn_pool/connection_pool.ts'
import { httpPools } from '../../../src/http/conn_pool/http_pools.ts'
import type { Connection } from '../../../src/network/connection.ts'
import type { Protocol } from '../../../src/stream_info/stream_info.ts'
import type { Cluster } from '../../../src/upstream/cluster.ts'

export interface RequestOptions {
  readonly body?: string
  /** The request's end is left to the test. */
  readonly open?: boolean
  readonly headers?: Readonly<Record<string, string>>
  readonly downstream?: Protocol
}

/** One request and what became of it. */
export class Exchange {
  status = 0
  interim: number[] = []
  body = ''
  trailers: HeaderMap | undefined = undefined
  /** Why it was lost; '' where it was not. */
  lost = ''
  protocol: Protocol | '' = ''
  readonly connections: Connection[] = []
  encoder: RequestEncoder | undefined = undefined
  pending: PendingStream | undefined = undefined
  readonly done = Promise.withResolvers<Exchange>()
  readonly ready = Promise.withResolvers<RequestEncoder>()

  constructor(cluster: Cluster, path: string, { body, open, headers: fields, downstream }: RequestOptions = {}) {
    const host = cluster.chooseHost()
    const pool = host === undefined ? undefined : httpPools.get(host, 'DEFAULT', downstream ?? 'HTTP/1.1')
    if (pool === undefined) throw new Error('no pool')
    const callbacks: PoolCallbacks = {
      onPoolReady: (encoder, _host, { connection, protocol }) => {
        this.connections.push(connection)
        this.protocol = protocol
        this.encoder = encoder
        encoder.setCallbacks(this.#stream)
        const headers = new HeaderMap()
        headers.method = body === undefined && open !== true ? 'GET' : 'POST'
        headers.path = path
        headers.scheme = 'http'
        headers.authority = 'a.test'
        for (const [name, value] of Object.entries(fields ?? {})) headers.set(name, value)
        if (body !== undefined) headers.set('content-length', String(body.length))
        encoder.encodeHeaders(headers, body === undefined && open !== true)
        if (body !== undefined) encoder.encodeData(Buffer.from(body), true)
        this.ready.resolve(encoder)
      },
      onPoolMoved: (_host, { connection }) => {
        this.connections.push(connection)
      },
      onPoolFailure: (reason) => this.#lose(reason),
    }
    this.pending = pool.newStream(this.#decoder, callbacks)
  }

  #lose(reason: string): void {
    this.lost = reason
    this.done.resolve(this)
  }

  readonly #stream: StreamCallbacks = {
    onResetStream: (reason) => this.#lose(reason),
    onAboveWriteBufferHighWatermark() {},
    onBelowWriteBufferLowWatermark() {},
  }

  readonly #decoder: ResponseDecoder = {
    retainsData: () => false,
    decode1xxHeaders: (headers) => {
      this.interim.push(headers.status)
    },
    decodeHeaders: (headers, endStream) => {
      this.status = headers.status
      if (endStream) this.done.resolve(this)
    },
    decodeData: (data, endStream) => {
      this.body += data.toString('latin1')
      if (endStream) this.done.resolve(this)
    },
    decodeTrailers: (trailers) => {
      this.trailers = trailers
      this.done.resolve(this)
    },
  }
}

/** Sends one request and waits for what becomes of it. */
export function exchange(cluster: Cluster, path: string, options?: RequestOptions): Promise<Exchange> {
  return new Exchange(cluster, path, options).done.promise
}
