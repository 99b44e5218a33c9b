// What a connection and its users tell each other: events, bytes, how to close, and what counts.

/**
 * - noFlush: drop what is not written yet, close now (FIN)
 * - abortReset: drop what is not written yet, close with RST
 * - flushWrite: write what is pending, then close
 * - flushWriteAndDelay: write what is pending, then wait for the peer's FIN, or for it to be silent for the delayed close
 *   timeout, so that a peer still sending does not lose our answer to a RST
 */
export type ConnectionCloseType = 'noFlush' | 'abortReset' | 'flushWrite' | 'flushWriteAndDelay'

/** Byte counters of whoever owns the connection: a listener's HTTP or TCP stats downstream, a cluster's upstream. */
export interface ConnectionByteStats {
  readTotal: { add(n: number): void }
  writeTotal: { add(n: number): void }
}

/** How a connection ended, or what happened to it. */
export type ConnectionEvent = 'connected' | 'remoteClose' | 'localClose'

export interface ConnectionCallbacks {
  onEvent(event: ConnectionEvent): void
  /** More than the buffer limit waits to be written: stop producing. Paired with the call below. */
  onAboveWriteBufferHighWatermark(): void
  onBelowWriteBufferLowWatermark(): void
}

/** What reads a connection's bytes: the network filter chain downstream, a codec client or TCP pool user upstream. */
export interface ConnectionReader {
  onData(data: Buffer, endStream: boolean): void
}
