// Which transport socket the connections to a host have: the cluster's own, or one that the host's metadata asks for.

import { isDeepStrictEqual } from 'node:util'
import type { envoy } from '../../proto/generated/api.d.ts'
import type { Counter, Scope } from '../stats/store.ts'
import type { HostSnapshot } from './host.ts'
import type { ServerContext } from './server_context.ts'
import {
  type ClusterTransportInfo,
  rawBufferUpstream,
  type UpstreamTransportSocketConfigFactory,
  type UpstreamTransportSocketFactory,
} from './transport_socket.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type TransportSocketView = envoy.config.core.v3.TransportSocket
type Labels = Readonly<Record<string, unknown>>

/** What of a host is matched. */
export type MatchedHost = Pick<HostSnapshot, 'metadata' | 'localityMetadata'>

/** Namespace of the metadata that `transport_socket_matches` looks at. */
const namespace = 'envoy.transport_socket_match'

interface Choice {
  readonly factory: UpstreamTransportSocketFactory
  readonly totalMatchCount: Counter
}

interface Match extends Choice {
  readonly labels: readonly (readonly [string, unknown])[]
}

export class TransportSocketMatcher {
  readonly #matches: readonly Match[]
  readonly #default: Choice
  /** A connection's header may say of whom it is. */
  readonly usesProxyProtocol: boolean

  constructor(matches: readonly Match[], byDefault: Choice) {
    this.#matches = matches
    this.#default = byDefault
    this.usesProxyProtocol = [byDefault, ...matches].some(({ factory }) => factory.usesProxyProtocol)
  }

  resolve(host: MatchedHost): UpstreamTransportSocketFactory {
    return this.#choose(host).factory
  }

  /** Counts for each host what it has; Envoy does so whenever it makes one. */
  countMatches(hosts: readonly MatchedHost[]): void {
    for (const host of hosts) this.#choose(host).totalMatchCount.inc()
  }

  #choose({ metadata, localityMetadata }: MatchedHost): Choice {
    const own = metadata[namespace]
    const ofLocality = localityMetadata?.[namespace]
    const found =
      this.#matches.find(({ labels }) => hasLabels(own, labels)) ??
      this.#matches.find(({ labels }) => hasLabels(ofLocality, labels))
    return found ?? this.#default
  }
}

/** A value that is a list has each of its elements. */
function hasLabels(metadata: Labels | undefined, labels: Match['labels']): boolean {
  if (metadata === undefined) return labels.length === 0
  return labels.every(([key, wanted]) => {
    const value = metadata[key]
    return isDeepStrictEqual(value, wanted) || (Array.isArray(value) && value.some((v) => isDeepStrictEqual(v, wanted)))
  })
}

/** `scope` is `cluster.<name>.`. */
export function createTransportSocketMatcher(
  view: ClusterView,
  scope: Scope,
  context: ServerContext,
): TransportSocketMatcher {
  const info: ClusterTransportInfo = { clusterScope: scope, clusterName: view.name }
  const clusterContext = Object.assign(Object.create(context), info) as ServerContext & ClusterTransportInfo
  const choice = (socket: TransportSocketView | undefined, name: string): Choice => ({
    factory: upstreamTransportSocketFactory(socket, clusterContext),
    totalMatchCount: scope.counter(`${name}.total_match_count`),
  })
  const byDefault = choice(view.transportSocket, 'default')
  const matches = view.transportSocketMatches.map((each): Match => {
    if (each.transportSocket === undefined) context.errors.add(each, undefined, 'transport_socket is missing')
    return { ...choice(each.transportSocket, each.name), labels: Object.entries(each.match ?? {}) }
  })
  return new TransportSocketMatcher(matches, byDefault)
}

/** The factory of a configured transport socket; plain bytes where there is none, or after reporting what is wrong. */
export function upstreamTransportSocketFactory(
  view: TransportSocketView | undefined,
  context: ServerContext & ClusterTransportInfo,
): UpstreamTransportSocketFactory {
  if (view === undefined) return rawBufferUpstream
  const { registry, errors } = context
  const category = 'envoy.transport_sockets.upstream'
  const factory = registry.lookup<UpstreamTransportSocketConfigFactory>(category, view, errors)
  return factory?.createTransportSocketFactory(view.typedConfig?.value, context) ?? rawBufferUpstream
}
