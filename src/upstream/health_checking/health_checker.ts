// One health check of a cluster: a session for each host.

import type { CheckedHost } from './checked_host.ts'
import { HealthCheckSession, type SessionSettings } from './health_check_session.ts'

export class HealthChecker {
  readonly #settings: SessionSettings
  readonly #sessions = new Map<CheckedHost, HealthCheckSession>()

  constructor(settings: SessionSettings) {
    this.#settings = settings
  }

  /** Checks of hosts that are no more end, those of new ones begin, all others go on. */
  setHosts(hosts: readonly CheckedHost[]): void {
    const wanted = new Set(hosts.filter(({ target }) => !target.isDisabled))
    for (const [host, session] of this.#sessions) {
      if (wanted.has(host)) continue
      this.#sessions.delete(host)
      session.close()
    }
    for (const host of wanted) {
      if (this.#sessions.has(host)) continue
      const session = new HealthCheckSession(host, this.#settings)
      this.#sessions.set(host, session)
      session.start()
    }
  }

  /** A response for traffic has asked for no more of it. */
  onImmediateFailure(host: CheckedHost): void {
    host.isExcluded = true
    this.#sessions.get(host)?.onPassiveFailure()
  }

  stop(): void {
    this.setHosts([])
  }
}
