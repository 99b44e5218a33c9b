// What the owner of a connection tells it: how to close, and what counts its bytes.

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
