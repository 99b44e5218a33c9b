// One grpc-js channel: calls by path on it, messages as bytes.

import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  connectivityState,
  type Metadata,
  type StatusObject,
} from '@grpc/grpc-js'
import { wallMs } from '../common/clock.ts'
import { GrpcError, type GrpcStatus, type GrpcStream, type GrpcStreamCallbacks, grpcInternal } from './grpc_client.ts'

/** What is said of a call before its first message. */
export interface CallHead {
  /** `/package.Service/Method`. */
  readonly path: string
  readonly metadata: Metadata
  /** Undefined for the target's own. */
  readonly authority: string | undefined
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

  startStream(head: CallHead, callbacks: GrpcStreamCallbacks): GrpcStream {
    const { path, metadata, authority } = head
    const call = this.#client.makeBidiStreamRequest(path, toBuffer, asIs, metadata, authorityOption(authority))
    let open = true
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

  unaryCall({ path, metadata, authority }: CallHead, bytes: Uint8Array, timeoutMs?: number): Promise<Uint8Array> {
    const deadline = timeoutMs === undefined ? {} : { deadline: new Date(wallMs() + timeoutMs) }
    const callOptions = { ...authorityOption(authority), ...deadline }
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, toBuffer, asIs, bytes, metadata, callOptions, (error, answer) => {
        if (answer !== undefined) resolve(answer)
        else reject(new GrpcError(error === null ? { code: grpcInternal, message: 'no answer' } : toStatus(error)))
      })
    })
  }

  close(): void {
    this.#client.close()
  }
}

function toStatus({ code, details }: { readonly code: number; readonly details: string }): GrpcStatus {
  return { code, message: details }
}

function authorityOption(authority: string | undefined): { host?: string } {
  return authority === undefined ? {} : { host: authority }
}
