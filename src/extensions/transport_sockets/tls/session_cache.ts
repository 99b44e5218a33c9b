// The TLS sessions that later connections of one upstream context resume.

interface CachedSession {
  /** What the session was accepted for: no other connection may have it. */
  readonly key: string
  readonly session: Buffer
  /** TLS 1.3 wants each ticket used once (RFC 8446, appendix C.4). */
  readonly singleUse: boolean
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

  put(key: string, session: Buffer, singleUse: boolean): void {
    this.#sessions.unshift({ key, session, singleUse })
    if (this.#sessions.length > this.#limit) this.#sessions.pop()
  }

  /** A session to resume; undefined for a full handshake. */
  take(key: string): Buffer | undefined {
    const index = this.#sessions.findIndex((each) => each.key === key)
    if (index < 0) return undefined
    const { session, singleUse } = this.#sessions[index]
    if (singleUse) this.#sessions.splice(index, 1)
    return session
  }
}
