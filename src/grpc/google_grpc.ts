// `google_grpc`: calls go straight to a target, beside our clusters.

import { type ChannelCredentials, type ChannelOptions, credentials, type Metadata } from '@grpc/grpc-js'
import type { envoy } from '../../proto/generated/api.d.ts'
import { readDataSource } from '../config/data_source.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Counter, Scope } from '../stats/store.ts'
import { Channel } from './channel.ts'
import type { GrpcClient, GrpcStatus, GrpcStream, GrpcStreamCallbacks } from './grpc_client.ts'

type GoogleGrpc = envoy.config.core.v3.GrpcService.GoogleGrpc
type SslCredentials = envoy.config.core.v3.GrpcService.GoogleGrpc.SslCredentials

/** Statistics are counted for the codes of gRPC's own table. */
const lastStatusCode = 16

/** `grpc.<stat_prefix>.*`. */
class GoogleGrpcStats {
  readonly streamsTotal: Counter
  readonly #closed: readonly Counter[]

  constructor(scope: Scope, statPrefix: string) {
    const own = scope.createScope(`grpc.${statPrefix}`)
    this.streamsTotal = own.counter('streams_total')
    this.#closed = Array.from({ length: lastStatusCode + 1 }, (_, code) => own.counter(`streams_closed_${code}`))
  }

  onClosed({ code }: GrpcStatus): void {
    this.#closed[code]?.inc()
  }
}

export class GoogleGrpcClient implements GrpcClient {
  readonly destination: string
  readonly #credentials: ChannelCredentials
  readonly #options: ChannelOptions
  readonly #metadata: Metadata
  readonly #stats: GoogleGrpcStats
  #channel: Channel | undefined

  /** What of the configuration cannot be used is reported to `errors`. */
  constructor(config: GoogleGrpc, metadata: Metadata, scope: Scope, errors: ConfigErrors) {
    this.destination = config.targetUri
    this.#credentials = channelCredentials(config, errors)
    this.#options = channelOptions(config)
    this.#metadata = metadata
    this.#stats = new GoogleGrpcStats(scope, config.statPrefix)
  }

  /** `timeoutMs` is for the whole call, from now on; the server is told. */
  startStream(path: string, callbacks: GrpcStreamCallbacks, timeoutMs?: number): GrpcStream {
    this.#stats.streamsTotal.inc()
    return this.#usableChannel().startStream(
      { path, metadata: this.#metadata.clone(), authority: undefined },
      {
        onMessage: (bytes) => callbacks.onMessage(bytes),
        onClose: (status) => {
          this.#stats.onClosed(status)
          callbacks.onClose(status)
        },
      },
      timeoutMs,
    )
  }

  /** When to try again, the caller says: a channel that has failed would wait by itself. */
  #usableChannel(): Channel {
    if (this.#channel?.isUsable === true) return this.#channel
    this.#channel?.close()
    this.#channel = new Channel(this.destination, this.#credentials, this.#options)
    return this.#channel
  }

  close(): void {
    this.#channel?.close()
  }
}

/** Local credentials trust the way: they are none. */
function channelCredentials({ channelCredentials: chosen }: GoogleGrpc, errors: ConfigErrors): ChannelCredentials {
  return chosen?.sslCredentials === undefined
    ? credentials.createInsecure()
    : sslCredentials(chosen.sslCredentials, errors)
}

function sslCredentials(view: SslCredentials, errors: ConfigErrors): ChannelCredentials {
  const [roots, key, chain] = [view.rootCerts, view.privateKey, view.certChain].map((source) =>
    source === undefined ? null : (readDataSource(source, errors, { allowEmpty: true }) ?? null),
  )
  try {
    return credentials.createSsl(roots, key, chain)
  } catch (error) {
    errors.add(view, undefined, `these credentials cannot be used: ${(error as Error).message}`)
    return credentials.createInsecure()
  }
}

function channelOptions({ channelArgs }: GoogleGrpc): ChannelOptions {
  const entries = Object.entries(channelArgs?.args ?? {})
  return Object.fromEntries(entries.map(([key, value]) => [key, value.stringValue ?? value.intValue]))
}
