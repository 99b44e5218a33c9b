// Statistics of gRPC calls in their cluster: `cluster.<name>.grpc.<service>.<method>.` and what Envoy counts there.

import type { Counter, Histogram, Scope } from '../stats/store.ts'
import type { ClusterInfo } from '../upstream/cluster_info.ts'

export interface GrpcMethod {
  readonly service: string
  readonly method: string
}

/** The two parts of a call's path, empty ones left out; undefined for any other path. */
export function grpcMethodOf(path: string): GrpcMethod | undefined {
  const query = path.indexOf('?')
  const parts = (query < 0 ? path : path.slice(0, query)).split('/').filter((part) => part !== '')
  return parts.length === 2 ? { service: parts[0], method: parts[1] } : undefined
}

/** What is counted of one method, or of all together; made at the first use, as in Envoy. */
export class GrpcCallStats {
  readonly #scope: Scope
  readonly #statuses = new Map<string, Counter>()
  readonly #counters = new Map<string, Counter>()
  #upstreamTime: Histogram | undefined = undefined

  constructor(scope: Scope) {
    this.#scope = scope
  }

  /** `grpc-status` of the headers or trailers that end a call; nothing where they have none. */
  chargeStatus(status: string | undefined): void {
    if (status === undefined) return
    this.#statusCounter(status)?.inc()
    this.chargeEnd(status === '0')
  }

  /** A call that ended without a gRPC status (Connect). */
  chargeEnd(isSuccess: boolean): void {
    this.#counter(isSuccess ? 'success' : 'failure').inc()
    this.#counter('total').inc()
  }

  chargeRequestMessages(count: number): void {
    this.#counter('request_message_count').add(count)
  }

  chargeResponseMessages(count: number): void {
    this.#counter('response_message_count').add(count)
  }

  /** Milliseconds from the last byte of the request that went upstream to the last of the response that came. */
  recordUpstreamTime(durationMs: number): void {
    this.#upstreamTime ??= this.#scope.histogram('upstream_rq_time', 'ms')
    this.#upstreamTime.recordValue(durationMs)
  }

  #counter(name: string): Counter {
    let counter = this.#counters.get(name)
    if (counter === undefined) {
      counter = this.#scope.counter(name)
      this.#counters.set(name, counter)
    }
    return counter
  }

  /** Statuses are the upstream's words: there are only so many counters for them. */
  #statusCounter(status: string): Counter | undefined {
    let counter = this.#statuses.get(status)
    if (counter === undefined && this.#statuses.size < mostStatuses) {
      counter = this.#scope.counter(status)
      this.#statuses.set(status, counter)
    }
    return counter
  }
}

const mostStatuses = 100
/** Methods are the clients' words: calls of more than these are counted as if they had no method. */
const mostMethods = 1000

/** `grpc-web` calls are counted apart. */
export type GrpcProtocol = 'grpc' | 'grpc-web'

class ClusterCallStats {
  readonly #scope: Scope
  readonly #all: GrpcCallStats
  readonly #methods = new Map<string, GrpcCallStats>()

  constructor(info: ClusterInfo, protocol: GrpcProtocol) {
    this.#scope = info.scope.createScope(protocol)
    this.#all = new GrpcCallStats(this.#scope)
  }

  of(method: GrpcMethod | undefined): GrpcCallStats {
    if (method === undefined) return this.#all
    const name = `${method.service}.${method.method}`
    let stats = this.#methods.get(name)
    if (stats === undefined) {
      if (this.#methods.size >= mostMethods) return this.#all
      stats = new GrpcCallStats(this.#scope.createScope(name))
      this.#methods.set(name, stats)
    }
    return stats
  }
}

const statsOfCluster: Readonly<Record<GrpcProtocol, WeakMap<ClusterInfo, ClusterCallStats>>> = {
  grpc: new WeakMap(),
  'grpc-web': new WeakMap(),
}

/** The statistics of one method in a cluster; of all calls without a method of their own for undefined. */
export function grpcCallStats(
  info: ClusterInfo,
  protocol: GrpcProtocol,
  method: GrpcMethod | undefined,
): GrpcCallStats {
  let stats = statsOfCluster[protocol].get(info)
  if (stats === undefined) {
    stats = new ClusterCallStats(info, protocol)
    statsOfCluster[protocol].set(info, stats)
  }
  return stats.of(method)
}
