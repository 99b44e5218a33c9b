// HDS: a management server says which hosts are to be checked, and is told again and again how they are.

import type { envoy } from '../../proto/generated/api.d.ts'
import { JitteredBackOff } from '../common/backoff.ts'
import { fingerprint } from '../common/fingerprint.ts'
import { getLogger } from '../common/log.ts'
import { Timer } from '../common/timer.ts'
import { checkFields } from '../config/check_fields.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { decodeResource } from '../config/load.ts'
import { messageSchema } from '../config/schema.ts'
import { encodeMessage } from '../config/wire_encode.ts'
import { type GrpcClient, type GrpcStatus, type GrpcStream, grpcInternal } from '../grpc/grpc_client.ts'
import type { Counter, Scope } from '../stats/store.ts'
import { describeErrors, type ReadOptions } from './read_resource.ts'

export type HealthCheckSpecifier = envoy.service.health.v3.HealthCheckSpecifier
type Report = Partial<envoy.service.health.v3.HealthCheckRequestOrEndpointHealthResponse>

/** Of an EndpointHealthResponse; the list of all endpoints is made of it. */
export type ClusterHealth = envoy.service.health.v3.ClusterEndpointsHealth

/** What is checked. */
export interface CheckedClusters {
  /** Takes a specifier on as a whole; where `errors` have something after it, nothing has changed. */
  update(specifier: HealthCheckSpecifier, errors: ConfigErrors): void
  health(): ClusterHealth[]
  stop(): void
}

export interface HdsDelegateParts {
  readonly client: GrpcClient
  readonly node: () => envoy.config.core.v3.Node
  readonly scope: Scope
  readonly clusters: CheckedClusters
  readonly readOptions: ReadOptions
}

const log = getLogger('upstream')
const service = 'envoy.service.health.v3'
const method = `/${service}.HealthDiscoveryService/StreamHealthCheck`
/** Every stream that could be begun counts as a success in Envoy: the time never grows. */
const retryMs = 5000
const defaultIntervalMs = 1000

class HdsStats {
  readonly requests: Counter
  readonly responses: Counter
  readonly errors: Counter
  readonly updates: Counter

  constructor(scope: Scope) {
    const own = scope.createScope('hds_delegate')
    this.requests = own.counter('requests')
    this.responses = own.counter('responses')
    this.errors = own.counter('errors')
    this.updates = own.counter('updates')
  }
}

export class HdsDelegate {
  readonly #parts: HdsDelegateParts
  readonly #stats: HdsStats
  readonly #backOff = new JitteredBackOff(retryMs, retryMs)
  readonly #retryTimer = new Timer(() => this.start())
  readonly #reportTimer = new Timer(() => this.#report())
  #stream: GrpcStream | undefined
  /** Of the specifier in force, as long as its stream lasts. */
  #specifierHash: string | undefined
  #intervalMs = 0

  constructor(parts: HdsDelegateParts) {
    this.#parts = parts
    this.#stats = new HdsStats(parts.scope)
  }

  start(): void {
    this.#stream = this.#parts.client.startStream(method, {
      onMessage: (bytes) => this.#onMessage(bytes),
      onClose: (status) => this.#onClose(status),
    })
    const capability = { healthCheckProtocols: ['HTTP' as const, 'TCP' as const] }
    this.#send({ healthCheckRequest: { node: this.#parts.node(), capability } })
  }

  /** Checks end, too. */
  stop(): void {
    this.#retryTimer.disable()
    this.#reportTimer.disable()
    this.#stream?.cancel()
    this.#stream = undefined
    this.#parts.client.close()
    this.#parts.clusters.stop()
  }

  #send(report: Report): void {
    this.#stream?.send(encodeMessage(`${service}.HealthCheckRequestOrEndpointHealthResponse`, report))
    this.#stats.responses.inc()
  }

  #report(): void {
    const clusterEndpointsHealth = this.#parts.clusters.health()
    const endpointsHealth = clusterEndpointsHealth.flatMap(({ localityEndpointsHealth }) =>
      localityEndpointsHealth.flatMap((each) => each.endpointsHealth),
    )
    this.#send({ endpointHealthResponse: { endpointsHealth, clusterEndpointsHealth } })
    this.#reportTimer.enable(this.#intervalMs)
  }

  #onMessage(bytes: Uint8Array): void {
    const { value, issues } = decodeResource(`${service}.HealthCheckSpecifier`, bytes, this.#parts.readOptions)
    if (value === undefined) {
      this.#stream?.cancel()
      this.#onClose({ code: grpcInternal, message: '' })
      return
    }
    this.#stats.requests.inc()
    const specifier = value as HealthCheckSpecifier
    const hash = fingerprint(specifier)
    if (hash === this.#specifierHash) return
    if (!this.#take(specifier, issues)) return
    this.#stats.updates.inc()
    this.#specifierHash = hash
    const intervalMs = Math.max(1, specifier.interval ?? defaultIntervalMs)
    if (intervalMs === this.#intervalMs) return
    this.#intervalMs = intervalMs
    this.#reportTimer.enable(intervalMs)
  }

  #take(specifier: HealthCheckSpecifier, errors: ConfigErrors): boolean {
    if (!errors.hasErrors) {
      checkFields(specifierSchema(), specifier as unknown as Record<string, unknown>, errors)
    }
    if (!errors.hasErrors) this.#parts.clusters.update(specifier, errors)
    if (!errors.hasErrors) return true
    log.warn(`Unable to validate health check specifier: ${describeErrors(errors)}`)
    this.#stats.errors.inc()
    return false
  }

  /** Checks go on, and the specifier of the next stream is taken on whatever it says. */
  #onClose({ code, message }: GrpcStatus): void {
    this.#reportTimer.disable()
    this.#stream = undefined
    this.#intervalMs = 0
    this.#specifierHash = undefined
    this.#stats.errors.inc()
    const delayMs = this.#backOff.nextBackOffMs()
    log.warn(`StreamHealthCheck gRPC config stream closed: ${code}, ${message}`)
    log.warn(`HdsDelegate stream/connection failure, will retry in ${delayMs} ms.`)
    this.#retryTimer.enable(delayMs)
  }
}

function specifierSchema() {
  const schema = messageSchema(`${service}.HealthCheckSpecifier`)
  if (schema === undefined) throw new Error('the bundle has no HealthCheckSpecifier')
  return schema
}
