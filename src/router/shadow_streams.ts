// The copies of one request that request_mirror_policies ask for: sent beside it, answered to nobody.

import { unansweredContext } from '../access_log/formatter_context.ts'
import type { HeaderMap } from '../common/header_map.ts'
import type { ForwardRoute } from '../http/route.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { ClusterStats } from '../upstream/cluster_stats.ts'
import type { ShadowPolicy } from '../upstream/shadow_policy.ts'
import type { AsyncClient, AsyncStream, AsyncStreamOptions } from './async_client.ts'
import type { RoutedRequest } from './routed_request.ts'

/** How much of a body may wait for a copy beyond its watermark, or as much as a request's own limit. */
const mostBehindBytes = 1024 * 1024

/** What one copy begins with. */
interface Copy {
  readonly cluster: Cluster
  readonly headers: HeaderMap
}

/** One copy under way. */
interface Shadow {
  readonly stream: AsyncStream
  /** What it was given while it was above its watermark already. */
  behindBytes: number
}

/** What is copied: a client's request, or a copy. */
export interface Original {
  readonly request: RoutedRequest
  readonly route: ForwardRoute
  readonly cluster: Cluster
  readonly headers: HeaderMap
  readonly streamInfo: StreamInfo
  /** The clusters of what it is a copy of itself. */
  readonly copyOf: readonly Cluster[]
}

/** The cluster's, where it has some, stand in the place of the route's. */
function shadowPoliciesOf(cluster: Cluster, route: ForwardRoute): readonly ShadowPolicy[] {
  const { shadowPolicies } = cluster.info
  return shadowPolicies.length > 0 ? shadowPolicies : route.shadowPolicies
}

/** Asked for every request, before anything is made for its copies. */
export function mayBeMirrored(cluster: Cluster, route: ForwardRoute): boolean {
  return shadowPoliciesOf(cluster, route).length > 0
}

export class ShadowStreams {
  readonly #client: AsyncClient
  readonly #options: AsyncStreamOptions
  readonly #stats: ClusterStats
  #copies: readonly Copy[]
  #shadows: Shadow[] = []

  /**
   * Copies the headers as they are now. Undefined where no policy asks for the request: a CONNECT is never mirrored.
   */
  static of(original: Original, client: AsyncClient): ShadowStreams | undefined {
    const { cluster, route, headers, streamInfo, copyOf } = original
    if (headers.method === 'CONNECT') return undefined
    // Clusters whose policies name each other would copy for ever: Envoy's stack overflows.
    if (copyOf.includes(cluster)) return undefined
    const chosen = shadowPoliciesOf(cluster, route).filter((policy) => policy.isChosen(streamInfo.random))
    const copies = chosen.flatMap((policy) => copyFor(policy, original, client))
    return copies.length === 0 ? undefined : new ShadowStreams(copies, original, client)
  }

  private constructor(copies: readonly Copy[], { request, route, cluster, copyOf }: Original, client: AsyncClient) {
    this.#copies = copies
    this.#client = client
    this.#stats = cluster.info.stats
    this.#options = {
      timeoutMs: request.timeouts.globalMs,
      // 0 would mean no watermark at all.
      bufferLimitBytes: Math.max(1, route.requestBodyBufferLimitBytes ?? request.bufferLimitBytes),
      copyOf: [...copyOf, cluster],
    }
  }

  start(endStream: boolean): void {
    for (const { cluster, headers } of this.#copies) {
      const stream = this.#client.start(cluster, headers, endStream, this.#options)
      if (!stream.isClosed) this.#shadows.push({ stream, behindBytes: 0 })
    }
    this.#copies = []
  }

  onData(data: Buffer, endStream: boolean): void {
    if (this.#shadows.length === 0) return
    // The memory is the client's connection's, and is read into again before every copy may have been written.
    const copy = Buffer.from(data)
    for (const shadow of this.#shadows) if (this.#keepsUp(shadow, copy.length)) shadow.stream.sendData(copy, endStream)
    this.#shadows = this.#shadows.filter(({ stream }) => !stream.isClosed)
  }

  /** A copy does not hold the request back, as it does in Envoy: one that falls too far behind is given up. */
  #keepsUp(shadow: Shadow, bytes: number): boolean {
    shadow.behindBytes = shadow.stream.isAboveWriteBufferHighWatermark ? shadow.behindBytes + bytes : 0
    if (shadow.behindBytes <= Math.max(mostBehindBytes, this.#options.bufferLimitBytes)) return true
    shadow.stream.reset()
    this.#stats.retryOrShadowAbandoned.inc()
    return false
  }

  onTrailers(trailers: HeaderMap): void {
    for (const { stream } of this.#shadows) stream.sendTrailers(trailers.clone())
    this.#shadows = []
  }

  /** The request is over: copies that have all of it go on, the others have no end to come to. */
  destroy(): void {
    for (const { stream } of this.#shadows) stream.reset()
    this.#shadows = []
  }
}

/** A cluster that is not there, or not named, gets no copy. */
function copyFor(
  policy: ShadowPolicy,
  { route, headers: original, streamInfo }: Original,
  client: AsyncClient,
): Copy[] {
  const cluster = client.settings.clusterManager.get(policy.clusterName(original))
  if (cluster === undefined) return []
  const headers = original.clone()
  // In which case the client has written its names is not told on.
  headers.receivedCase = undefined
  policy.changeHeaders(headers, {
    ...unansweredContext(streamInfo, headers),
    routeMetadata: route.metadata,
    virtualHostMetadata: route.virtualHost.metadata,
  })
  return [{ cluster, headers }]
}
