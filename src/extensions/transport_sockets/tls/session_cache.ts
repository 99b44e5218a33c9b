// The TLS sessions that later connections of one upstream context resume.

import type { CertificateInfo } from '../../../network/tls/certificate_info.ts'

/** A session that was accepted, and what is not told again when it is resumed. */
export interface CachedSession {
  /** What it was accepted for: no other connection may have it. */
  readonly key: string
  readonly session: Buffer
  /** TLS 1.3 wants each ticket used once (RFC 8446, appendix C.4). */
  readonly singleUse: boolean
  /** The server's certificates. */
  readonly chain: readonly CertificateInfo[]
  /** They were checked, and held. */
  readonly validated: boolean
}

export class SessionCache {
  readonly #limit: number
  /** The newest first. */
  readonly #sessions: CachedSession[] = []

  /** `limit`: sessions that are kept, `max_session_keys`. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get enabled(): boolean {
    return this.#limit > 0
  }

  put(session: CachedSession): void {
    this.#sessions.unshift(session)
    if (this.#sessions.length > this.#limit) this.#sessions.pop()
  }

  /** A session to resume; undefined for a full handshake. */
  take(key: string): CachedSession | undefined {
    const index = this.#sessions.findIndex((each) => each.key === key)
    if (index < 0) return undefined
    const session = this.#sessions[index]
    if (session.singleUse) this.#sessions.splice(index, 1)
    return session
  }
}
