// gRPC as the proxy uses it: calls of a service by path, messages as bytes. What carries them stays behind this contract.

/** The codes that the proxy itself gives or looks at (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export const grpcOk = 0
export const grpcDeadlineExceeded = 4
export const grpcResourceExhausted = 8
export const grpcInternal = 13
export const grpcUnavailable = 14

export interface GrpcStatus {
  readonly code: number
  readonly message: string
}

export interface GrpcStreamCallbacks {
  /** One message of the server. */
  onMessage(bytes: Uint8Array): void
  /** The stream is over; comes exactly once unless the stream was cancelled here, and never within `startStream`. */
  onClose(status: GrpcStatus): void
}

/** A stream of messages in both directions. */
export interface GrpcStream {
  /** `onSent` is called when the message is on its way, which waits for a slow server; perhaps never where the stream breaks. */
  send(bytes: Uint8Array, onSent?: () => void): void
  /** Whether there is a connection under it now. */
  isConnected(): boolean
  /** Nothing more will be sent; the server ends the stream. */
  end(): void
  /** Ends it here and now; nothing is called back any more. */
  cancel(): void
}

/** Where calls go: a `GrpcService`. */
export interface GrpcClient {
  /** For logs: the cluster's name, or the target. */
  readonly destination: string
  /** `path` is `/package.Service/Method`. */
  startStream(path: string, callbacks: GrpcStreamCallbacks): GrpcStream
  close(): void
}
