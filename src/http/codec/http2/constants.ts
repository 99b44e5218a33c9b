// The numbers of HTTP/2 on the wire (RFC 9113 sections 6, 7 and 11; RFC 8441 for extended CONNECT).

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
  /** Envoy's own extension frame; read over. */
  metadata: 0x4d,
} as const

export const FrameFlag = {
  endStream: 0x1,
  ack: 0x1,
  endHeaders: 0x4,
  endMetadata: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const

export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
} as const
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]

export const SettingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const

export const clientPreface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export const frameHeaderBytes = 9
/** What we let peers send in one frame, and what every peer takes (RFC 9113 4.2). */
export const defaultMaxFrameBytes = 16384
export const largestMaxFrameBytes = 0xffffff
export const defaultWindowBytes = 65535
export const largestWindowBytes = 0x7fffffff
export const largestStreamId = 0x7fffffff
export const defaultHeaderTableBytes = 4096
