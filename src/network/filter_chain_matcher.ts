// `filter_chain_matcher` of a listener: a matcher tree over what is known of an accepted socket, whose leaves name filter chains.

import type { envoy, xds } from '../../proto/generated/api.d.ts'
import { compileMatcherTree, type MatcherTreeContext, type MatchInput } from '../config/matcher_tree.ts'
import { filterStateField, filterStateText } from '../stream_info/filter_state.ts'
import type { AddressInfo, StreamInfo } from '../stream_info/stream_info.ts'
import type { ConnectionSocket } from './connection_socket.ts'
import type { NetworkServerContext } from './factory.ts'
import { isSameIpOrLoopback, type MatchableChain } from './filter_chain_manager.ts'

type MatcherView = xds.type.matcher.v3.Matcher
type ExtensionView = xds.core.v3.TypedExtensionConfig
type FilterStateInput = envoy.extensions.matching.common_inputs.network.v3.FilterStateInput

/** What the tree looks at. */
interface MatchingData {
  readonly socket: ConnectionSocket
  readonly streamInfo: StreamInfo
}

type Input = MatchInput<MatchingData>

/** What finds the chain of a socket, whether by `filter_chain_match` or by a tree. */
export interface FilterChainFinder<T> {
  find(socket: ConnectionSocket, streamInfo: StreamInfo): T | undefined
}

export function buildFilterChainMatcher<T>(
  view: MatcherView,
  chains: readonly MatchableChain<T>[],
  defaultChain: T | undefined,
  context: NetworkServerContext,
): FilterChainFinder<T> {
  const byName = chainsByName(chains, context)
  const tree = compileMatcherTree<MatchingData, string>(view, treeContext(byName, context))
  return {
    find(socket, streamInfo) {
      const name = tree({ socket, streamInfo })
      // A leaf decides, even one that names no chain.
      return name === undefined ? defaultChain : byName.get(name)
    },
  }
}

function chainsByName<T>(chains: readonly MatchableChain<T>[], { errors }: NetworkServerContext): Map<string, T> {
  const byName = new Map<string, T>()
  for (const { view, name, chain } of chains) {
    if (name === '') errors.add(view, undefined, '"name" field is required when using a listener matcher')
    else if (byName.has(name)) errors.add(view, 'name', `"name" field is duplicated with value '${name}'`)
    else byName.set(name, chain)
  }
  return byName
}

const inputs = 'envoy.extensions.matching.common_inputs.network.v3'
const tlsInputs = 'envoy.extensions.matching.common_inputs.ssl.v3'

const inputsByType: ReadonlyMap<string, Input> = new Map<string, Input>([
  [`${inputs}.DestinationIPInput`, ({ socket }) => ipOf(socket.localAddress)],
  [`${inputs}.DestinationPortInput`, ({ socket }) => portOf(socket.localAddress)],
  [`${inputs}.SourceIPInput`, ({ socket }) => ipOf(socket.remoteAddress)],
  [`${inputs}.SourcePortInput`, ({ socket }) => portOf(socket.remoteAddress)],
  [`${inputs}.DirectSourceIPInput`, ({ socket }) => ipOf(socket.directRemoteAddress)],
  [`${inputs}.SourceTypeInput`, ({ socket }) => (isSameIpOrLoopback(socket) ? 'local' : undefined)],
  [`${inputs}.ServerNameInput`, ({ socket }) => socket.requestedServerName || undefined],
  [`${inputs}.TransportProtocolInput`, ({ socket }) => socket.detectedTransportProtocol || 'raw_buffer'],
  [`${inputs}.ApplicationProtocolInput`, ({ socket }) => protocolsText(socket.requestedApplicationProtocols)],
  // No listener is in another network namespace, and no certificate is known before the handshake.
  [`${inputs}.NetworkNamespaceInput`, () => undefined],
  [`${tlsInputs}.UriSanInput`, () => undefined],
  [`${tlsInputs}.DnsSanInput`, () => undefined],
  [`${tlsInputs}.SubjectInput`, () => undefined],
])
const filterStateInput = `${inputs}.FilterStateInput`
const chainNameAction = 'google.protobuf.StringValue'

function treeContext(
  chains: ReadonlyMap<string, unknown>,
  context: NetworkServerContext,
): MatcherTreeContext<MatchingData, string> {
  const { errors, runtime } = context
  return {
    errors,
    runtime,
    compileInput(view) {
      const { typeUrl, value } = view.typedConfig ?? { typeUrl: '', value: undefined }
      const input = typeUrl === filterStateInput ? filterState(value as FilterStateInput) : inputsByType.get(typeUrl)
      if (input === undefined) refuse(view, typeUrl, [...inputsByType.keys(), filterStateInput].join(', '), context)
      return input
    },
    compileAction(view) {
      const { typeUrl, value } = view.typedConfig ?? { typeUrl: '', value: undefined }
      if (typeUrl === chainNameAction) return namedChain(view, value as string, chains, context)
      refuse(view, typeUrl, chainNameAction, context)
      return undefined
    },
  }
}

function refuse(view: ExtensionView, typeUrl: string, expected: string, { errors }: NetworkServerContext): void {
  const message = `cannot create a filter chain matcher: Didn't find a registered implementation for '${view.name}' with type URL: '${typeUrl}'`
  errors.add(view, view.typedConfig === undefined ? 'name' : 'typedConfig', message, { expected })
}

function namedChain(
  view: ExtensionView,
  name: string,
  chains: ReadonlyMap<string, unknown>,
  { errors }: NetworkServerContext,
): string {
  if (!chains.has(name)) {
    const message = `there is no filter chain '${name}': connections that get here are closed`
    errors.warn(view, 'typedConfig', message)
  }
  return name
}

function filterState({ key, field }: FilterStateInput): Input {
  return ({ streamInfo }) => {
    const object = streamInfo.filterState.get(key)
    return field === '' ? filterStateText(object) : filterStateField(object, field)
  }
}

function ipOf(address: AddressInfo): string | undefined {
  return address.family === 'pipe' ? undefined : address.ip
}

function portOf(address: AddressInfo): string | undefined {
  return address.family === 'pipe' ? undefined : String(address.port)
}

/** `'h2','http/1.1'` */
function protocolsText(protocols: readonly string[]): string | undefined {
  return protocols.length === 0 ? undefined : protocols.map((protocol) => `'${protocol}'`).join(',')
}
