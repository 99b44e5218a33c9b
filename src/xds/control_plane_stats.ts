// What is counted of a stream to a control plane: `control_plane.*`.

import type { Counter, Gauge, Scope, TextReadout } from '../stats/store.ts'

export class ControlPlaneStats {
  readonly connectedState: Gauge
  readonly pendingRequests: Gauge
  readonly rateLimitEnforced: Counter
  readonly identifier: TextReadout

  constructor(scope: Scope) {
    const own = scope.createScope('control_plane')
    this.connectedState = own.gauge('connected_state')
    this.pendingRequests = own.gauge('pending_requests')
    this.rateLimitEnforced = own.counter('rate_limit_enforced')
    this.identifier = own.textReadout('identifier')
  }
}
