// Health check events: what becomes of hosts, as lines of JSON.

import type { envoy, JsonObject } from '../../../proto/generated/api.d.ts'
import { wallMs } from '../../common/clock.ts'
import { timestampText } from '../../config/proto_json.ts'
import type { ExtensionFactory } from '../../config/registry.ts'
import type { AddressInfo } from '../../stream_info/stream_info.ts'
import type { ServerContext } from '../server_context.ts'
import type { CheckedHost } from './checked_host.ts'

type HealthCheckerType = envoy.data.core.v3.HealthCheckerType

/** 'PASSIVE': a response for traffic said so. */
export type FailureType = 'ACTIVE' | 'PASSIVE' | 'NETWORK' | 'NETWORK_TIMEOUT'

/** Where events go; each as `envoy.data.core.v3.HealthCheckEvent` in JSON, all fields but the other events included. */
export interface HealthCheckEventSink {
  log(event: JsonObject): void
}

/** Category `envoy.health_check.event_sinks`. What is wrong goes to `context.errors`. */
export interface EventSinkFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.health_check.event_sinks'
  createEventSink(config: Config, context: ServerContext): HealthCheckEventSink | undefined
}

/** Beside the events that change something: what is logged of each check. */
export interface EventLogSettings {
  readonly alwaysLogFailures: boolean
  readonly alwaysLogSuccesses: boolean
}

export class HealthCheckEventLogger {
  readonly #type: HealthCheckerType
  readonly #sinks: readonly HealthCheckEventSink[]
  readonly #settings: EventLogSettings

  constructor(type: HealthCheckerType, sinks: readonly HealthCheckEventSink[], settings: EventLogSettings) {
    this.#type = type
    this.#sinks = sinks
    this.#settings = settings
  }

  onAdded(host: CheckedHost, isFirstCheck: boolean): void {
    this.#log(host, { add_healthy_event: { first_check: isFirstCheck } })
  }

  onEjected(host: CheckedHost, failure: FailureType): void {
    const event = { failure_type: failure, http_status_code: host.lastHttpStatus }
    this.#log(host, { eject_unhealthy_event: event })
  }

  onSuccess(host: CheckedHost): void {
    if (this.#settings.alwaysLogSuccesses) this.#log(host, {}, {}, { successful_health_check_event: {} })
  }

  onFailure(host: CheckedHost, failure: FailureType, isFirstCheck: boolean): void {
    if (!isFirstCheck && !this.#settings.alwaysLogFailures) return
    const event = { failure_type: failure, first_check: isFirstCheck, http_status_code: host.lastHttpStatus }
    this.#log(host, {}, { health_check_failure_event: event })
  }

  onDegraded(host: CheckedHost): void {
    this.#log(host, {}, host.isDegraded ? { degraded_healthy_host: {} } : { no_longer_degraded_host: {} })
  }

  /** Fields stand in the order of their numbers: the event before the timestamp, behind it, or last. */
  #log({ host }: CheckedHost, early: JsonObject, late: JsonObject = {}, last: JsonObject = {}): void {
    if (this.#sinks.length === 0) return
    const { region, zone, subZone } = host.locality
    const hasMetadata = Object.keys(host.metadata).length > 0
    const line: JsonObject = {
      health_checker_type: this.#type,
      host: addressJson(host.address),
      cluster_name: host.cluster.name,
      ...early,
      timestamp: timestampText(wallMs()),
      ...late,
      ...(hasMetadata ? { metadata: { filter_metadata: host.metadata as JsonObject, typed_filter_metadata: {} } } : {}),
      locality: { region, zone, sub_zone: subZone },
      ...last,
    }
    for (const sink of this.#sinks) sink.log(line)
  }
}

function addressJson({ family, text, ip, port }: AddressInfo): JsonObject {
  if (family === 'pipe') return { pipe: { path: text, mode: 0 } }
  const more = { resolver_name: '', ipv4_compat: false, network_namespace_filepath: '' }
  return { socket_address: { protocol: 'TCP', address: ip, port_value: port, ...more } }
}
