// What configuration decides about HTTP/2 on one side of the proxy.

/** PING frames of our own that find dead peers; milliseconds, 0 for none. */
export interface KeepaliveSettings {
  readonly intervalMs: number
  readonly timeoutMs: number
  /** By how much an interval is lengthened at most, by chance: 0.15 for 15 %. */
  readonly intervalJitter: number
  /** A connection that rested so long is asked before the next stream. */
  readonly idleIntervalMs: number
}

export interface Http2Settings {
  /** SETTINGS_HEADER_TABLE_SIZE that we offer, and the most that our own encoder uses. */
  readonly hpackTableBytes: number
  readonly maxConcurrentStreams: number
  readonly initialStreamWindowBytes: number
  readonly initialConnectionWindowBytes: number
  readonly allowConnect: boolean
  /** METADATA frames are let through to be read over; without it they are unknown frames, read over too. */
  readonly allowMetadata: boolean
  readonly maxOutboundFrames: number
  readonly maxOutboundControlFrames: number
  readonly maxConsecutiveEmptyFrames: number
  readonly maxPriorityFramesPerStream: number
  readonly maxWindowUpdatesPerDataFrame: number
  /** How fast the peer may reset streams; undefined where only resets of unanswered requests count. */
  readonly streamResets: { readonly burst: number; readonly perSecond: number } | undefined
  /** A message that breaks HTTP ends its stream only, not the connection. */
  readonly streamErrorOnInvalidMessage: boolean
  /** Further SETTINGS, as identifier and value. */
  readonly customSettings: readonly (readonly [number, number])[]
  readonly keepalive: KeepaliveSettings | undefined
  readonly huffman: boolean
  /** The longest single header, name and value. */
  readonly maxHeaderFieldBytes: number
  readonly allowObsText: boolean

  readonly maxHeadersBytes: number
  readonly maxHeadersCount: number
  readonly headersWithUnderscores: 'ALLOW' | 'REJECT_REQUEST' | 'DROP_HEADER'
}
