// Chooses the filter chain of a connection by the criteria of `filter_chain_match`, in Envoy's order of precedence.

import type { envoy } from '../../proto/generated/api.d.ts'
import { CidrRange, CidrTable, type IpAddress, isLoopback, parseIp, sameIp } from '../common/cidr.ts'
import { readCidrRanges } from '../config/cidr_ranges.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import type { ConnectionSocket } from './connection_socket.ts'

type FilterChainMatch = envoy.config.listener.v3.FilterChainMatch
type CidrView = envoy.config.core.v3.CidrRange

/** One entry of `filter_chains`: its match and what it leads to. `view` is where errors are reported. */
export interface MatchableChain<T> {
  readonly view: object
  readonly name: string
  readonly match: FilterChainMatch | undefined
  readonly chain: T
}

/**
 * The criteria in order, each a level of the tree. At each level the most specific entry is taken and never reconsidered:
 * a chain for port 80 and source 10.0.0.0/8 hides, for connections to port 80, every chain without a port.
 */
type SourcePorts<T> = Map<number, T>
type SourceIps<T> = CidrLevel<SourcePorts<T>>
interface SourceTypes<T> {
  any: SourceIps<T>
  local: SourceIps<T>
  external: SourceIps<T>
}
type DirectSourceIps<T> = CidrLevel<SourceTypes<T>>
type ApplicationProtocols<T> = Map<string, DirectSourceIps<T>>
type TransportProtocols<T> = Map<string, ApplicationProtocols<T>>
interface ServerNames<T> {
  exact: Map<string, TransportProtocols<T>>
  /** By suffix with its leading dot: `.example.com` for `*.example.com`. */
  wildcard: Map<string, TransportProtocols<T>>
}
type DestinationIps<T> = CidrLevel<ServerNames<T>>
type DestinationPorts<T> = Map<number, DestinationIps<T>>

/** Key of entries that do not ask for a port, server name or protocol. */
const anyPort = 0
const anyText = ''
const everything = [new CidrRange({ words: [0] }, 0), new CidrRange({ words: [0, 0, 0, 0] }, 0)]
/** What a pipe counts as where addresses are matched: no range but the widest holds it. */
const pipeStandIn: IpAddress = { words: [0xffffffff] }

/** The ranges of one level of the tree. */
class CidrLevel<V> {
  readonly #table = new CidrTable<V>()

  find(address: IpAddress): V | undefined {
    return this.#table.find(address)
  }

  entry(range: CidrRange, create: () => V): V {
    let value = this.#table.get(range)
    if (value === undefined) {
      value = create()
      this.#table.set(range, value)
    }
    return value
  }

  get isEmpty(): boolean {
    return this.#table.isEmpty
  }
}

export class FilterChainManager<T> {
  readonly #ports: DestinationPorts<T> = new Map()
  readonly #defaultChain: T | undefined
  /** The one chain of a listener that has no other and matches everything: the common case, decided at once. */
  readonly #onlyChain: T | undefined

  /** Builds the tree; matches that are wrong, doubled or overlap are reported and left out. */
  constructor(chains: readonly MatchableChain<T>[], defaultChain: T | undefined, errors: ConfigErrors) {
    this.#defaultChain = defaultChain
    this.#onlyChain = chains.length === 1 && matchKey(chains[0].match) === '' ? chains[0].chain : undefined
    const seen = new Map<string, MatchableChain<T>>()
    for (const chain of chains) {
      const key = matchKey(chain.match)
      const twin = seen.get(key)
      if (twin !== undefined) {
        const message = `filter chain '${chain.name}' has the same matching rules defined as '${twin.name}'`
        errors.add(chain.match ?? chain.view, undefined, message)
        continue
      }
      seen.set(key, chain)
      const criteria = readMatch(chain, errors)
      if (criteria !== undefined && !this.#add(criteria, chain.chain)) {
        const message = 'multiple filter chains with overlapping matching rules are defined'
        errors.add(chain.match ?? chain.view, undefined, message)
      }
    }
  }

  /** The chain of a socket, `default_filter_chain` where none matches; undefined where that is not set either. */
  find(socket: ConnectionSocket): T | undefined {
    return this.#onlyChain ?? this.#findByPort(socket) ?? this.#defaultChain
  }

  #findByPort(socket: ConnectionSocket): T | undefined {
    if (this.#ports.size === 0) return undefined
    const { localAddress } = socket
    const byPort =
      (localAddress.family === 'pipe' ? undefined : this.#ports.get(localAddress.port)) ?? this.#ports.get(anyPort)
    const byIp = byPort?.find(ipOf(localAddress))
    const byServerName = byIp === undefined ? undefined : findServerName(byIp, socket.requestedServerName)
    if (byServerName === undefined) return undefined
    const transportProtocol = socket.detectedTransportProtocol === '' ? 'raw_buffer' : socket.detectedTransportProtocol
    const byTransport = byServerName.get(transportProtocol) ?? byServerName.get(anyText)
    const byProtocol =
      byTransport === undefined ? undefined : findApplicationProtocol(byTransport, socket.requestedApplicationProtocols)
    const byDirectSource = byProtocol?.find(ipOf(socket.directRemoteAddress))
    return byDirectSource === undefined ? undefined : findSource(byDirectSource, socket)
  }

  /** False where a combination of criteria leads to another chain already. */
  #add(criteria: Criteria, chain: T): boolean {
    let added = true
    const leaves: SourcePorts<T>[] = []
    const byPort = entry(this.#ports, criteria.destinationPort, () => new CidrLevel<ServerNames<T>>())
    for (const range of criteria.destinationRanges) {
      const byServerName = byPort.entry(range, () => ({ exact: new Map(), wildcard: new Map() }))
      for (const name of criteria.serverNames) {
        const names = name.startsWith('*.') ? byServerName.wildcard : byServerName.exact
        const key = name.startsWith('*.') ? name.slice(1) : name
        const byTransport = entry(names, key, () => new Map<string, ApplicationProtocols<T>>())
        const byProtocol = entry(byTransport, criteria.transportProtocol, () => new Map<string, DirectSourceIps<T>>())
        for (const protocol of criteria.applicationProtocols) {
          const byDirectSource = entry(byProtocol, protocol, () => new CidrLevel<SourceTypes<T>>())
          collectSourceLeaves(byDirectSource, criteria, leaves)
        }
      }
    }
    for (const leaf of leaves) {
      for (const port of criteria.sourcePorts) {
        if (leaf.has(port)) added = false
        else leaf.set(port, chain)
      }
    }
    return added
  }
}

function collectSourceLeaves<T>(level: DirectSourceIps<T>, criteria: Criteria, into: SourcePorts<T>[]): void {
  for (const directRange of criteria.directSourceRanges) {
    const types = level.entry(directRange, () => ({
      any: new CidrLevel<SourcePorts<T>>(),
      local: new CidrLevel<SourcePorts<T>>(),
      external: new CidrLevel<SourcePorts<T>>(),
    }))
    for (const range of criteria.sourceRanges) {
      into.push(types[criteria.sourceType].entry(range, () => new Map<number, T>()))
    }
  }
}

function findServerName<T>(names: ServerNames<T>, requested: string): TransportProtocols<T> | undefined {
  if (requested !== '') {
    const exact = names.exact.get(requested)
    if (exact !== undefined) return exact
    // Longest suffix first, as dots are met from the left; a name may be as long as the suffix itself.
    for (let dot = requested.indexOf('.'); dot >= 0; dot = requested.indexOf('.', dot + 1)) {
      const wildcard = names.wildcard.get(requested.slice(dot))
      if (wildcard !== undefined) return wildcard
    }
  }
  return names.exact.get(anyText)
}

function findApplicationProtocol<T>(
  protocols: ApplicationProtocols<T>,
  requested: readonly string[],
): DirectSourceIps<T> | undefined {
  for (const protocol of requested) {
    const found = protocols.get(protocol)
    if (found !== undefined) return found
  }
  return protocols.get(anyText)
}

function findSource<T>(types: SourceTypes<T>, socket: ConnectionSocket): T | undefined {
  const typesMatter = !types.local.isEmpty || !types.external.isEmpty
  const isLocal = typesMatter && isSameIpOrLoopback(socket)
  const typed = isLocal ? types.local : types.external
  const byIp = typed.isEmpty ? types.any : typed
  const byPort = byIp.find(ipOf(socket.remoteAddress))
  return byPort?.get(socket.remoteAddress.port) ?? byPort?.get(anyPort)
}

/** A pipe's peer is on this machine. */
export function isSameIpOrLoopback(socket: ConnectionSocket): boolean {
  if (socket.remoteAddress.family === 'pipe') return true
  const remote = ipOf(socket.remoteAddress)
  return isLoopback(remote) || sameIp(remote, ipOf(socket.localAddress))
}

function ipOf(address: AddressInfo): IpAddress {
  return (address.family === 'pipe' ? undefined : parseIp(address.ip)) ?? pipeStandIn
}

/** A match with everything that is unset spelled as the key for it. */
interface Criteria {
  readonly destinationPort: number
  readonly destinationRanges: readonly CidrRange[]
  readonly serverNames: readonly string[]
  readonly transportProtocol: string
  readonly applicationProtocols: readonly string[]
  readonly directSourceRanges: readonly CidrRange[]
  readonly sourceType: keyof SourceTypes<unknown>
  readonly sourceRanges: readonly CidrRange[]
  readonly sourcePorts: readonly number[]
}

const sourceTypes = { ANY: 'any', SAME_IP_OR_LOOPBACK: 'local', EXTERNAL: 'external' } as const

function readMatch(chain: MatchableChain<unknown>, errors: ConfigErrors): Criteria | undefined {
  const { match } = chain
  const before = errors.issues.length
  if (match !== undefined && (match.addressSuffix !== '' || match.suffixLen !== undefined)) {
    const field = match.addressSuffix === '' ? 'suffixLen' : 'addressSuffix'
    errors.add(match, field, `filter chain '${chain.name}' contains unimplemented fields`)
  }
  const criteria: Criteria = {
    destinationPort: match?.destinationPort ?? anyPort,
    destinationRanges: readRanges(match?.prefixRanges, errors),
    serverNames: readServerNames(match, errors),
    transportProtocol: match?.transportProtocol ?? anyText,
    applicationProtocols: match?.applicationProtocols.length ? match.applicationProtocols : [anyText],
    directSourceRanges: readRanges(match?.directSourcePrefixRanges, errors),
    sourceType: sourceTypes[match?.sourceType ?? 'ANY'],
    sourceRanges: readRanges(match?.sourcePrefixRanges, errors),
    sourcePorts: match?.sourcePorts.length ? match.sourcePorts : [anyPort],
  }
  return errors.issues.length === before ? criteria : undefined
}

function readRanges(views: readonly CidrView[] | undefined, errors: ConfigErrors): readonly CidrRange[] {
  if (views === undefined || views.length === 0) return everything
  return readCidrRanges(views, errors)
}

function readServerNames(match: FilterChainMatch | undefined, errors: ConfigErrors): readonly string[] {
  if (match === undefined || match.serverNames.length === 0) return [anyText]
  match.serverNames.forEach((name, index) => {
    if (name.includes('*') && !/^\*\.[^*]+$/.test(name)) {
      errors.add(match, 'serverNames', 'partial wildcards are not supported in "server_names"', { index })
    }
  })
  return match.serverNames.map((name) => name.toLowerCase())
}

/** Equal for matches that say the same; a match without any criterion equals none. */
function matchKey(match: FilterChainMatch | undefined): string {
  if (match === undefined) return ''
  const criteria = Object.entries(match).filter(
    ([, value]) =>
      value !== undefined && value !== '' && value !== 'ANY' && !(Array.isArray(value) && value.length === 0),
  )
  return criteria.length === 0 ? '' : JSON.stringify(criteria)
}

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = create()
    map.set(key, value)
  }
  return value
}
