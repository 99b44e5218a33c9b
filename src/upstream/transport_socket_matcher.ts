// Which transport socket the connections to a host have: the cluster's own, or one that the host's metadata asks for.

import { isDeepStrictEqual } from 'node:util'
import type { envoy } from '../../proto/generated/api.d.ts'
import type { Counter, Scope } from '../stats/store.ts'
import type { ServerContext } from './server_context.ts'
import {
  type ClusterTransportInfo,
  rawBufferUpstream,
  type UpstreamTransportSocketConfigFactory,
  type UpstreamTransportSocketFactory,
} from './transport_socket.ts'
import { compileTransportSocketTree, type MatchedHost } from './transport_socket_tree.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type TransportSocketView = envoy.config.core.v3.TransportSocket
type Labels = Readonly<Record<string, unknown>>

/** Namespace of the metadata that `transport_socket_matches` looks at. */
const namespace = 'envoy.transport_socket_match'

interface Choice {
  readonly factory: UpstreamTransportSocketFactory
  readonly totalMatchCount: Counter
}

interface Match extends Choice {
  readonly name: string
  readonly labels: readonly (readonly [string, unknown])[]
}

export class TransportSocketMatcher {
  readonly #choose: (host: MatchedHost) => Choice
  /** A connection's header may say of whom it is. */
  readonly usesProxyProtocol: boolean

  /** `all`: what `choose` chooses from. */
  constructor(all: readonly Choice[], choose: (host: MatchedHost) => Choice) {
    this.#choose = choose
    this.usesProxyProtocol = all.some(({ factory }) => factory.usesProxyProtocol)
  }

  resolve(host: MatchedHost): UpstreamTransportSocketFactory {
    return this.#choose(host).factory
  }

  /** Counts for each host what it has; Envoy does so whenever it makes one. */
  countMatches(hosts: readonly MatchedHost[]): void {
    for (const host of hosts) this.#choose(host).totalMatchCount.inc()
  }
}

/** By `match` of each: the host's own metadata goes before that of its locality. */
function chooseByLabels({ metadata, localityMetadata }: MatchedHost, matches: readonly Match[]): Choice | undefined {
  const own = metadata[namespace]
  const ofLocality = localityMetadata?.[namespace]
  return (
    matches.find(({ labels }) => hasLabels(own, labels)) ?? matches.find(({ labels }) => hasLabels(ofLocality, labels))
  )
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
    return { ...choice(each.transportSocket, each.name), name: each.name, labels: Object.entries(each.match ?? {}) }
  })
  const tree = view.transportSocketMatcher
  if (tree === undefined) {
    return new TransportSocketMatcher([byDefault, ...matches], (host) => chooseByLabels(host, matches) ?? byDefault)
  }
  const byName = new Map(matches.map((match) => [match.name, match]))
  checkNames(view, context)
  const nameOf = compileTransportSocketTree(tree, context)
  return new TransportSocketMatcher([byDefault, ...matches], (host) => byName.get(nameOf(host) ?? '') ?? byDefault)
}

function checkNames({ transportSocketMatches }: ClusterView, { errors }: ServerContext): void {
  const seen = new Set<string>()
  for (const each of transportSocketMatches) {
    if (seen.has(each.name)) {
      errors.add(each, 'name', `Duplicate transport socket name '${each.name}' found in transport_socket_matches`)
    }
    seen.add(each.name)
  }
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
