// A configured health check to the checker that makes it.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { Connection } from '../../network/connection.ts'
import type { ClusterInfo } from '../cluster_info.ts'
import type { ServerContext } from '../server_context.ts'
import type { TransportSocketOptions } from '../transport_socket.ts'
import { CheckIntervals, type HealthTransition } from './check_intervals.ts'
import type { CheckedHost } from './checked_host.ts'
import { type EventSinkFactory, HealthCheckEventLogger, type HealthCheckEventSink } from './event_logger.ts'
import { healthCheckStats } from './health_check_stats.ts'
import { HealthChecker } from './health_checker.ts'
import {
  type HealthCheckerFactory,
  type HealthCheckView,
  healthCheckersCategory,
  type ProbeContext,
} from './health_probe.ts'

/** Where the criteria of a check take the place of a host's own metadata. */
const matchNamespace = 'envoy.transport_socket_match'

/** What its owner tells of the cluster and hears of its hosts. */
export interface CheckerOwner {
  readonly cluster: ClusterInfo
  /** Whether it has ever had a connection for traffic, in any process. */
  hasTraffic(): boolean
  onChecked?(host: CheckedHost, transition: HealthTransition, isPassed: boolean): void
}

/** Undefined where something is wrong, which `server.errors` says. It checks nothing before it has hosts. */
export function createHealthChecker(
  view: HealthCheckView,
  owner: CheckerOwner,
  server: ServerContext,
): HealthChecker | undefined {
  const { cluster } = owner
  const stats = healthCheckStats(cluster.scope, view.name)
  const context: ProbeContext = {
    server,
    cluster,
    stats,
    reuseConnection: view.reuseConnection ?? true,
    timeoutMs: view.timeout ?? 0,
    connect: connector(view),
  }
  const kind = factoryOf(view, server)?.createProbeKind(view, context)
  const sinks = eventSinks(view, server)
  if (kind === undefined) return undefined
  return new HealthChecker({
    timeoutMs: context.timeoutMs,
    healthyThreshold: view.healthyThreshold ?? 1,
    unhealthyThreshold: view.unhealthyThreshold ?? 1,
    intervals: new CheckIntervals(view, () => owner.hasTraffic(), server.runtime),
    stats,
    kind,
    events: new HealthCheckEventLogger(kind.type, sinks, {
      alwaysLogFailures: view.alwaysLogHealthCheckFailures,
      alwaysLogSuccesses: view.alwaysLogHealthCheckSuccess,
    }),
    onChecked: (host, transition, isPassed) => owner.onChecked?.(host, transition, isPassed),
  })
}

const names: Readonly<Record<string, string>> = {
  httpHealthCheck: 'envoy.health_checkers.http',
  tcpHealthCheck: 'envoy.health_checkers.tcp',
  grpcHealthCheck: 'envoy.health_checkers.grpc',
}

function factoryOf(view: HealthCheckView, { registry, errors }: ServerContext): HealthCheckerFactory | undefined {
  const factory = registry.byName<HealthCheckerFactory>(healthCheckersCategory, names[view.healthChecker ?? ''] ?? '')
  if (factory !== undefined) return factory
  const custom = view.customHealthCheck
  const message =
    custom === undefined
      ? 'a health check says nothing of how hosts are checked'
      : `Didn't find a registered implementation for '${custom.name}'`
  errors.add(custom ?? view, custom && 'name', message, {
    expected: 'http_health_check, tcp_health_check or grpc_health_check',
  })
  return undefined
}

function eventSinks(view: HealthCheckView, server: ServerContext): HealthCheckEventSink[] {
  const category = 'envoy.health_check.event_sinks'
  const { registry, errors } = server
  const create = (extension: HealthCheckView['eventLogger'][number]): HealthCheckEventSink[] => {
    const factory = registry.lookup<EventSinkFactory>(category, extension, errors)
    return [factory?.createEventSink(extension.typedConfig?.value, server) ?? []].flat()
  }
  const file = registry.byName<EventSinkFactory>(category, 'envoy.health_check.event_sink.file')
  const sinks = view.eventLogger.flatMap(create)
  if (view.eventLogPath === '') return sinks
  return [...sinks, file?.createEventSink(view, server) ?? []].flat()
}

/** A connection is made as those for traffic are, but for what the check says of its transport socket. */
function connector(view: HealthCheckView): ProbeContext['connect'] {
  const options: TransportSocketOptions | undefined =
    view.tlsOptions === undefined ? undefined : { alpnOverride: view.tlsOptions.alpnProtocols }
  const criteria = view.transportSocketMatchCriteria
  return ({ host, target }) => {
    const { cluster } = host
    const socket = cluster.connector.connect(target.address, [])
    const factory = criteria === undefined ? host.transportSocket : matched(cluster, criteria)
    const transport = factory.wrap(socket, host, options)
    return new Connection(socket, undefined, cluster.perConnectionBufferLimitBytes, false, transport)
  }
}

function matched({ transportSockets }: ClusterInfo, criteria: JsonObject) {
  const host = { metadata: { [matchNamespace]: criteria } }
  transportSockets.countMatches([host])
  return transportSockets.resolve(host)
}
