// LRS: tells a management server, as often as it wants, what load the hosts of clusters bear.

import type { envoy } from '../../proto/generated/api.d.ts'
import { monotonicMs } from '../common/clock.ts'
import { getLogger } from '../common/log.ts'
import { Timer } from '../common/timer.ts'
import { ConfigErrors } from '../config/errors.ts'
import { messageSchema } from '../config/schema.ts'
import { decodeView } from '../config/wire.ts'
import { encodeMessage } from '../config/wire_encode.ts'
import { type GrpcClient, type GrpcStatus, type GrpcStream, grpcInternal, grpcOk } from '../grpc/grpc_client.ts'
import type { Counter, Scope } from '../stats/store.ts'
import { SerialTasks } from './serial_tasks.ts'

type ClusterStats = envoy.config.endpoint.v3.ClusterStats
type LoadStatsResponse = envoy.service.load_stats.v3.LoadStatsResponse

export type ClusterStatsReport = Omit<ClusterStats, 'loadReportInterval'>

/** Where the numbers come from. */
export interface LoadSource {
  /** Reads what all processes have counted so far. */
  refresh(): Promise<void>
  /** All clusters in force. */
  clusterNames(): Iterable<string>
  /** What has been read of the cluster until now is no part of its reports. */
  track(name: string): void
  untrack(name: string): void
  /** What has been read since the last report; undefined for a cluster that is not there. */
  take(name: string, withEndpoints: boolean): ClusterStatsReport | undefined
}

export interface LoadStatsReporterParts {
  readonly client: GrpcClient
  readonly node: () => envoy.config.core.v3.Node
  readonly scope: Scope
  readonly source: LoadSource
}

const log = getLogger('upstream')
const method = '/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats'
const service = 'envoy.service.load_stats.v3'
const retryDelayMs = 5000
/** Servers may leave it to themselves to name every cluster, or say that they want all. */
const clientFeature = 'envoy.lrs.supports_send_all_clusters'

class LoadReporterStats {
  readonly requests: Counter
  readonly responses: Counter
  readonly errors: Counter
  readonly retries: Counter

  constructor(scope: Scope) {
    const own = scope.createScope('load_reporter')
    this.requests = own.counter('requests')
    this.responses = own.counter('responses')
    this.errors = own.counter('errors')
    this.retries = own.counter('retries')
  }
}

export class LoadStatsReporter {
  readonly #parts: LoadStatsReporterParts
  readonly #stats: LoadReporterStats
  readonly #tasks = new SerialTasks()
  readonly #retryTimer = new Timer(() => this.#retry())
  readonly #reportTimer = new Timer(() => this.#tasks.add(() => this.#report()))
  #stream: GrpcStream | undefined
  /** What the server wants; it is remembered over streams. */
  #wanted: LoadStatsResponse | undefined
  /** When the report under way of each cluster began. */
  readonly #tracked = new Map<string, number>()

  constructor(parts: LoadStatsReporterParts) {
    this.#parts = parts
    this.#stats = new LoadReporterStats(parts.scope)
  }

  start(): void {
    this.#stream = this.#parts.client.startStream(method, {
      onMessage: (bytes) => this.#onMessage(bytes),
      onClose: (status) => this.#onClose(status),
    })
    this.#tasks.add(() => this.#report())
  }

  stop(): void {
    this.#retryTimer.disable()
    this.#reportTimer.disable()
    this.#stream?.cancel()
    this.#stream = undefined
    this.#parts.client.close()
  }

  #retry(): void {
    this.#stats.retries.inc()
    this.start()
  }

  async #report(): Promise<void> {
    const stream = this.#stream
    if (this.#tracked.size > 0) await this.#parts.source.refresh()
    if (stream === undefined || stream !== this.#stream) return
    const { node } = this.#parts
    const own = node()
    const request = {
      node: { ...own, clientFeatures: [...own.clientFeatures, clientFeature] },
      clusterStats: [...this.#clusterStats()],
    }
    stream.send(encodeMessage(`${service}.LoadStatsRequest`, request))
    this.#stats.responses.inc()
    if (this.#wanted !== undefined) this.#startPeriod(this.#wanted)
  }

  *#clusterStats(): Iterable<ClusterStats> {
    const nowMs = monotonicMs()
    for (const [name, sinceMs] of this.#tracked) {
      const report = this.#parts.source.take(name, this.#wanted?.reportEndpointGranularity === true)
      if (report === undefined) continue
      yield { ...report, loadReportInterval: nowMs - sinceMs }
      this.#tracked.set(name, nowMs)
    }
  }

  #onMessage(bytes: Uint8Array): void {
    const wanted = readResponse(bytes)
    if (wanted === undefined) {
      this.#stream?.cancel()
      this.#onClose({ code: grpcInternal, message: '' })
      return
    }
    this.#stats.requests.inc()
    this.#tasks.add(async () => {
      const stream = this.#stream
      await this.#parts.source.refresh()
      this.#wanted = wanted
      if (stream !== undefined && stream === this.#stream) this.#startPeriod(wanted)
    })
  }

  /** What is tracked already goes on as it is, so that no report and no answer to one loses anything. */
  #startPeriod({ sendAllClusters, clusters, loadReportingInterval }: LoadStatsResponse): void {
    const { source } = this.#parts
    const names = new Set(sendAllClusters ? source.clusterNames() : clusters)
    for (const name of this.#tracked.keys()) {
      if (names.has(name)) continue
      this.#tracked.delete(name)
      source.untrack(name)
    }
    for (const name of names) {
      if (this.#tracked.has(name)) continue
      this.#tracked.set(name, monotonicMs())
      source.track(name)
    }
    this.#reportTimer.enable(Math.max(1, loadReportingInterval ?? 0))
  }

  #onClose({ code, message }: GrpcStatus): void {
    this.#reportTimer.disable()
    this.#stream = undefined
    if (code === grpcOk) log.debug(`StreamLoadStats gRPC config stream closed gracefully, ${message}`)
    else {
      log.warn(`StreamLoadStats gRPC config stream closed: ${code}, ${message}`)
      this.#stats.errors.inc()
    }
    log.info(`Load reporter stats stream/connection will retry in ${retryDelayMs} ms.`)
    this.#retryTimer.enable(retryDelayMs)
  }
}

/** Undefined for bytes that are no such message. */
function readResponse(bytes: Uint8Array): LoadStatsResponse | undefined {
  const schema = messageSchema(`${service}.LoadStatsResponse`)
  if (schema === undefined) throw new Error('the bundle has no LoadStatsResponse')
  try {
    return decodeView(schema, bytes, new ConfigErrors(), 'ignore') as unknown as LoadStatsResponse
  } catch {
    return undefined
  }
}
