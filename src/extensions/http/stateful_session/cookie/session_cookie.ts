// What a session's cookie holds: a protobuf message of the host's address and when it expires, in Envoy's form.

import { wireType } from '../../../../config/wire_types.ts'

export interface SessionCookie {
  /** `address:port`. */
  readonly address: string
  /** Seconds since the epoch; 0 for never. */
  readonly expires: number
}

const messageName = 'envoy.extensions.http.stateful_session.cookie.v3.SessionCookie'

export function encodeSessionCookie({ address, expires }: SessionCookie): Buffer {
  const bytes = wireType(messageName).encode(expires === 0 ? { address } : { address, expires })
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Undefined where the bytes are no such message. Fields that nobody knows are read over. */
export function decodeSessionCookie(bytes: Buffer): SessionCookie | undefined {
  try {
    const { address = '', expires = 0 } = { ...wireType(messageName).decode(bytes) }
    return { address: address as string, expires: Number(expires) }
  } catch {
    return undefined
  }
}
