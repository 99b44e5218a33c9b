// `filter_chain_matcher` of a listener: a matcher tree over what is known of an accepted socket, whose leaves name filter chains.

import type { envoy, xds } from '../../proto/generated/api.d.ts'
import type { FormatterContext } from '../access_log/formatter_context.ts'
import { compileSubstitutionFormat } from '../access_log/substitution_format.ts'
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

type ChainName = (data: MatchingData) => string
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
  const tree = compileMatcherTree<MatchingData, ChainName>(view, treeContext(byName, context))
  return {
    find(socket, streamInfo) {
      const data = { socket, streamInfo }
      const name = tree(data)
      // A leaf decides, even one that names no chain.
      return name === undefined ? defaultChain : byName.get(name(data))
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
const formatAction = 'envoy.config.core.v3.SubstitutionFormatString'

function treeContext(
  chains: ReadonlyMap<string, unknown>,
  context: NetworkServerContext,
): MatcherTreeContext<MatchingData, ChainName> {
  const { errors } = context
  return {
    errors,
    compileInput(view) {
      const { typeUrl, value } = view.typedConfig ?? { typeUrl: '', value: undefined }
      const input = typeUrl === filterStateInput ? filterState(value as FilterStateInput) : inputsByType.get(typeUrl)
      if (input === undefined) refuse(view, typeUrl, [...inputsByType.keys(), filterStateInput].join(', '), context)
      return input
    },
    compileAction(view) {
      const { typeUrl, value } = view.typedConfig ?? { typeUrl: '', value: undefined }
      if (typeUrl === chainNameAction) return namedChain(view, value as string, chains, context)
      if (typeUrl === formatAction)
        return formattedName(value as envoy.config.core.v3.SubstitutionFormatString, context)
      refuse(view, typeUrl, `${chainNameAction} or ${formatAction}`, context)
      return undefined
    },
  }
}

function refuse(view: ExtensionView, typeUrl: string, expected: string, { errors }: NetworkServerContext): void {
  const message = `Didn't find a registered implementation for '${view.name}' with type URL: '${typeUrl}'`
  errors.add(view, view.typedConfig === undefined ? 'name' : 'typedConfig', message, { expected })
}

function namedChain(
  view: ExtensionView,
  name: string,
  chains: ReadonlyMap<string, unknown>,
  { errors }: NetworkServerContext,
): ChainName {
  if (!chains.has(name)) {
    const message = `there is no filter chain '${name}': connections that get here are closed`
    errors.warn(view, 'typedConfig', message)
  }
  return () => name
}

/** The name of the chain is what the format gives for the connection. */
function formattedName(
  view: envoy.config.core.v3.SubstitutionFormatString,
  context: NetworkServerContext,
): ChainName | undefined {
  const format = compileSubstitutionFormat(view, context)
  if (format === undefined) return undefined
  return ({ streamInfo }) => {
    const formatterContext: FormatterContext = {
      requestHeaders: undefined,
      responseHeaders: undefined,
      responseTrailers: undefined,
      streamInfo,
      localReplyBody: '',
      accessLogType: 'NotSet',
    }
    return format.formatter.format(formatterContext)
  }
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
