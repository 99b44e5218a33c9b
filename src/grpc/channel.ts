// One grpc-js channel: calls by path on it, messages as bytes.

import type { EventEmitter } from 'node:events'
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  connectivityState,
  type Metadata,
  type StatusObject,
} from '@grpc/grpc-js'
import { wallMs } from '../common/clock.ts'
import { type GrpcStatus, type GrpcStream, type GrpcStreamCallbacks, grpcInternal } from './grpc_client.ts'

/** What is said of a call before its first message. */
export interface CallHead {
  /** `/package.Service/Method`. */
  readonly path: string
  readonly metadata: Metadata
  /** Undefined for the target's own. */
  readonly authority: string | undefined
}

export interface CallCallbacks extends GrpcStreamCallbacks {
  /** The server has begun to answer, or has answered with nothing but an error. Comes before `onClose`, once at most. */
  onAnswer?(httpStatus: number, grpcStatus?: number): void
}

/** A message on its way is its bytes. */
const asIs = (bytes: Buffer): Buffer => bytes
const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export class Channel {
  readonly #client: Client

  constructor(target: string, credentials: ChannelCredentials, options: ChannelOptions) {
    this.#client = new Client(target, credentials, {
      // Envoy sends and takes messages of any size.
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_retries': 0,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_channelz': 0,
      ...options,
    })
  }

  /** False where the last try to connect has failed: a new channel tries at once, this one in its own time. */
  get isUsable(): boolean {
    const state = this.#client.getChannel().getConnectivityState(false)
    return state !== connectivityState.TRANSIENT_FAILURE && state !== connectivityState.SHUTDOWN
  }

  get isReady(): boolean {
    return this.#client.getChannel().getConnectivityState(false) === connectivityState.READY
  }

  /** `timeoutMs` is for the whole call, from now on; the server is told. */
  startStream(head: CallHead, callbacks: CallCallbacks, timeoutMs?: number): GrpcStream {
    const { path, metadata, authority } = head
    const deadline = timeoutMs === undefined ? {} : { deadline: new Date(wallMs() + timeoutMs) }
    const options = { ...authorityOption(authority), ...deadline }
    const call = this.#client.makeBidiStreamRequest(path, toBuffer, asIs, metadata, options)
    let open = true
    watchAnswer(call, (httpStatus, grpcStatus) => {
      if (open) callbacks.onAnswer?.(httpStatus, grpcStatus)
    })
    call.on('data', (bytes: Buffer) => {
      if (open) callbacks.onMessage(bytes)
    })
    // The status says it all; without a listener the error would be thrown.
    call.on('error', () => {})
    call.on('status', (status: StatusObject) => {
      if (!open) return
      open = false
      callbacks.onClose(toStatus(status))
    })
    return {
      send: (bytes, onSent) => {
        if (open) call.write(bytes, onSent)
      },
      isConnected: () => this.isReady,
      end: () => {
        if (open) call.end()
      },
      cancel: () => {
        open = false
        call.cancel()
      },
    }
  }

  close(): void {
    this.#client.close()
  }
}

/** Before others listen to the call's status. */
function watchAnswer(call: EventEmitter, onAnswer: (httpStatus: number, grpcStatus?: number) => void): void {
  let answered = false
  call.on('metadata', () => {
    answered = true
    onAnswer(200)
  })
  call.on('status', (status: StatusObject) => {
    const httpStatus = answered ? undefined : httpStatusOf(status)
    if (httpStatus === 200) onAnswer(httpStatus, status.code)
    else if (httpStatus !== undefined) onAnswer(httpStatus)
  })
}

/** Of an answer that is no more than a status; undefined for a status that did not come from the server. */
function httpStatusOf({ details, metadata }: StatusObject): number | undefined {
  const [, httpStatus] = /^Received HTTP status code (\d{3})/.exec(details) ?? []
  if (httpStatus !== undefined) return Number(httpStatus)
  return metadata.get('content-type').length > 0 ? 200 : undefined
}

/** A message that claims to be compressed, by nothing, ends the call without either, whatever the types say. */
function toStatus({
  code,
  details,
}: {
  readonly code: number | undefined
  readonly details: string | undefined
}): GrpcStatus {
  return { code: code ?? grpcInternal, message: details ?? '' }
}

function authorityOption(authority: string | undefined): { host?: string } {
  return authority === undefined ? {} : { host: authority }
}
