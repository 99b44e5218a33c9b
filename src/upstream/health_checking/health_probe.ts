// The contract between health checking and the kinds of checks there are, which are extensions.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ExtensionFactory } from '../../config/registry.ts'
import type { Connection } from '../../network/connection.ts'
import type { ClusterInfo } from '../cluster_info.ts'
import type { ServerContext } from '../server_context.ts'
import type { CheckedHost } from './checked_host.ts'
import type { HealthCheckStats } from './health_check_stats.ts'

export type HealthCheckView = envoy.config.core.v3.HealthCheck
type HealthCheckerType = envoy.data.core.v3.HealthCheckerType

/** The host answered what it should not have, or there was no answer. */
export type ProbeFailure = 'ACTIVE' | 'NETWORK'

export interface ProbeCallbacks {
  onSuccess(isDegraded: boolean): void
  /** `isRetriable`: the host is failed only after as many as `unhealthy_threshold`, as it always is of 'NETWORK'. */
  onFailure(failure: ProbeFailure, isRetriable: boolean): void
}

/** Checks one host, each time when it is told to. */
export interface HealthProbe {
  /** Begins one check. MUST tell of its end once, unless it times out or is closed before; never within this call. */
  start(): void
  /** The check has not ended in time: it is over. */
  onTimeout(): void
  /** Ends everything; nothing is called back any more. */
  close(): void
}

/** One kind of check, configured. */
export interface ProbeKind {
  /** What events call it. */
  readonly type: HealthCheckerType
  createProbe(host: CheckedHost, callbacks: ProbeCallbacks): HealthProbe
}

/** What checks are made with. */
export interface ProbeContext {
  readonly server: ServerContext
  readonly cluster: ClusterInfo
  readonly stats: HealthCheckStats
  /** Connections may be used for the next check. */
  readonly reuseConnection: boolean
  readonly timeoutMs: number
  /** Begins a connection to the host for checks alone, which no stat of the cluster's connections counts. */
  connect(host: CheckedHost): Connection
}

/** Category `envoy.health_checkers`. What is wrong goes to `context.server.errors`. */
export interface HealthCheckerFactory extends ExtensionFactory {
  readonly category: 'envoy.health_checkers'
  createProbeKind(view: HealthCheckView, context: ProbeContext): ProbeKind | undefined
}

export const healthCheckersCategory = 'envoy.health_checkers'
