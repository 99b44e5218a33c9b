// Which host of its cluster a try goes to, and by which connections.

import { isIP } from 'node:net'
import type { HeaderMap } from '../common/header_map.ts'
import type { HttpConnectionPool } from '../http/conn_pool/connection_pool.ts'
import type { LocalReply } from '../http/http_filter.ts'
import type { ConnectSettings, ForwardRoute } from '../http/route.ts'
import type { Connection } from '../network/connection.ts'
import { version1Header, version2Header } from '../network/proxy_protocol_header.ts'
import { ResponseFlag } from '../stream_info/response_flags.ts'
import type { DownstreamInfo, StreamInfo } from '../stream_info/stream_info.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { ClusterInfo } from '../upstream/cluster_info.ts'
import type { Host } from '../upstream/host.ts'
import type { LoadBalancerContext, MetadataMatch } from '../upstream/load_balancer.ts'
import type { PriorityLoads } from '../upstream/load_balancers/priority_load.ts'
import type { OverrideHost } from '../upstream/override_host.ts'
import type { RetryHostPredicate, RetryPriority } from '../upstream/retry.ts'
import type { TransportSocketOptions } from '../upstream/transport_socket.ts'
import { type RequestedNames, transportSocketOptions } from '../upstream/transport_socket_options.ts'
import type { RequestCallbacks } from './request_callbacks.ts'
import type { HttpPools } from './router_settings.ts'
import { TcpUpstreamPool } from './tcp_upstream.ts'

/** One request's choices of hosts, one for each try. Most policies ask it for nothing. */
export class HostSelection implements LoadBalancerContext {
  readonly #pools: HttpPools
  readonly #route: ForwardRoute
  readonly #cluster: Cluster
  readonly downstreamHeaders: HeaderMap
  readonly downstreamConnection: Connection | undefined
  readonly streamInfo: StreamInfo
  attempt = 0
  /** For the first try alone. */
  overrideHost: OverrideHost | undefined
  noHostDetails: string | undefined = undefined
  #hasWaited = false
  priorityLoads: PriorityLoads | undefined = undefined
  /** `set-cookie` values that a hash policy wants the response to carry. */
  #cookies: string[] | undefined = undefined
  #isHashed = false
  #hash: bigint | undefined = undefined
  #metadataMatch: MetadataMatch | undefined = undefined
  /** The policy's say in the hosts of retries; undefined for most. */
  readonly #predicates: readonly RetryHostPredicate[] | undefined = undefined
  readonly #priority: RetryPriority | undefined = undefined
  retryPriority: RetryPriority | undefined = undefined

  #transportOptions: TransportSocketOptions | undefined = undefined

  constructor(
    pools: HttpPools,
    route: ForwardRoute,
    cluster: Cluster,
    headers: HeaderMap,
    callbacks: RequestCallbacks,
  ) {
    this.#pools = pools
    this.#route = route
    this.#cluster = cluster
    this.downstreamHeaders = headers
    this.downstreamConnection = callbacks.connection
    this.streamInfo = callbacks.streamInfo
    this.overrideHost = callbacks.upstreamOverrideHost()
    const policy = route.retryPolicy
    if (policy === undefined) return
    if (policy.retryHostPredicates.length > 0) this.#predicates = policy.retryHostPredicates.map((create) => create())
    this.#priority = policy.retryPriority?.()
  }

  /** The headers are those that go upstream: connections may depend on them. */
  onHeadersFinal({ streamInfo, connection }: RequestCallbacks): void {
    const cluster = this.#cluster.info
    const names = requestedNames(cluster, this.downstreamHeaders)
    // Whose addresses should be told?
    const usesProxyProtocol = connection !== undefined && cluster.transportSockets.usesProxyProtocol
    this.#transportOptions = transportSocketOptions(streamInfo, connection?.streamInfo, usesProxyProtocol, names)
  }

  /** The load balancer's choice for a first try; undefined where the cluster has no host to offer. */
  choose(): Host | undefined {
    this.attempt = 0
    return this.#cluster.chooseHost(this)
  }

  /** The choice for a retry: another one while a predicate turns it down, so often as the policy says. */
  chooseForRetry(): Host | undefined {
    this.overrideHost = undefined
    this.retryPriority = this.#priority
    let host = this.choose()
    const most = this.#route.retryPolicy?.hostSelectionRetryMaxAttempts ?? 0
    while (host !== undefined && this.attempt < most && this.#isTurnedDown(host)) {
      this.attempt++
      host = this.#cluster.chooseHost(this)
    }
    return host
  }

  #isTurnedDown(host: Host): boolean {
    return this.#predicates?.some((predicate) => predicate.shouldSelectAnotherHost(host)) === true
  }

  /** A try has had a connection to the host, or could get none. */
  onHostAttempted(host: Host): void {
    if (this.#predicates !== undefined) for (const predicate of this.#predicates) predicate.onHostAttempted(host)
    this.#priority?.onHostAttempted(host)
  }

  /** Undefined where the circuit breaker allows no more pools. */
  poolOf(host: Host): HttpConnectionPool | undefined {
    const { priority, upgrades } = this.#route
    const { method } = this.downstreamHeaders
    const options = this.#transportOptions
    const connect = upgrades.size === 0 ? undefined : upgrades.get('connect')?.connect
    if (connect !== undefined && (method === 'CONNECT' || (connect.allowPost && method === 'POST')))
      return new TcpUpstreamPool(host, priority, options, connectHeader(connect, this.streamInfo.downstream))
    return this.#pools.get(host, priority, this.streamInfo.protocol, options)
  }

  /** Connects ahead for the requests after this one, where the cluster wants that. */
  preconnect(): void {
    if (this.#cluster.info.predictivePreconnectRatio > 1)
      this.#pools.preconnect(this.#cluster, this.#route.priority, this.streamInfo.protocol)
  }

  lookFor(done: () => void): (() => void) | undefined {
    const giveUp = this.#cluster.loadBalancer.lookForHost?.(this, done)
    this.#hasWaited = giveUp !== undefined
    return giveUp
  }

  /** The answer where there is no host, or (`isMissing` false) none that may have another connection. */
  noHost(isMissing: boolean): LocalReply {
    // As in Envoy, what is found out after a wait does not count.
    if (isMissing && !this.#hasWaited) this.#cluster.info.stats.upstreamCxNoneHealthy.inc()
    const details = isMissing ? this.noHostDetails : undefined
    if (details !== undefined) return { ...noHealthyUpstream, details: details.replaceAll(' ', '_') }
    const wanted = this.overrideHost
    if (wanted?.strict !== true || this.#cluster.overrideHosts.has(wanted.address)) return noHealthyUpstream
    return { ...noHealthyUpstream, status: wanted.notFoundStatus }
  }

  addCookies(response: HeaderMap): void {
    if (this.#cookies !== undefined) for (const cookie of this.#cookies) response.add('set-cookie', cookie)
  }

  hashKey(): bigint | undefined {
    if (!this.#isHashed) {
      this.#isHashed = true
      this.#hash = this.#route.hash(this.downstreamHeaders, this.streamInfo, (cookie) => this.addCookie(cookie))
    }
    return this.#hash
  }

  /** What the request's own metadata says goes before the route's. */
  metadataMatch(): MetadataMatch | undefined {
    const own = this.streamInfo.dynamicMetadata[lbNamespace]
    const ofConnection = this.downstreamConnection?.streamInfo?.dynamicMetadata[lbNamespace]
    if (own === undefined && ofConnection === undefined) return this.#route.metadataMatch
    this.#metadataMatch ??= { ...this.#route.metadataMatch, ...ofConnection, ...own }
    return this.#metadataMatch
  }

  addCookie(setCookie: string): void {
    this.#cookies ??= []
    this.#cookies.push(setCookie)
  }
}

const lbNamespace = 'envoy.lb'

/** What goes before the payload of a request that ends here. */
function connectHeader({ proxyProtocolVersion }: ConnectSettings, client: DownstreamInfo): Buffer | string | undefined {
  if (proxyProtocolVersion === undefined) return undefined
  const source = client.remoteAddress
  const destination = client.localAddress
  if (proxyProtocolVersion === 1) return version1Header(source, destination)
  return version2Header({ source, destination, tlvs: [] }, [], () => {})
}

function requestedNames(cluster: ClusterInfo, headers: HeaderMap): RequestedNames | undefined {
  const options = cluster.http.upstream
  if (options === undefined || !(options.autoSni || options.autoSanValidation)) return undefined
  const { overrideAutoSniHeader } = options
  const override = overrideAutoSniHeader === '' ? undefined : headers.get(overrideAutoSniHeader.toLowerCase())
  const host = hostOfAuthority(override || headers.authority)
  return {
    // An address is no server name (RFC 6066, section 3).
    serverName: options.autoSni && isIP(host) === 0 ? host : undefined,
    subjectAltName: options.autoSanValidation ? host : undefined,
  }
}

/** Without the port, and an IPv6 address without its brackets. */
function hostOfAuthority(authority: string): string {
  if (authority.startsWith('[')) {
    const end = authority.indexOf(']')
    return end < 0 ? authority : authority.slice(1, end)
  }
  const colon = authority.indexOf(':')
  return colon < 0 || colon !== authority.lastIndexOf(':') ? authority : authority.slice(0, colon)
}

/** The cluster has no host to offer, or none that may have another connection. */
const noHealthyUpstream: LocalReply = {
  status: 503,
  body: 'no healthy upstream',
  details: 'no_healthy_upstream',
  flag: ResponseFlag.NoHealthyUpstream,
}
