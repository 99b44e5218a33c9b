// Inputs of matcher trees that are asked when a request's head is there: headers, query, connection, certificate.

import type { envoy, xds } from '../../proto/generated/api.d.ts'
import type { HeaderMap } from '../common/header_map.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { MatchInput } from '../config/matcher_tree.ts'
import { absenceNote } from '../config/registry.ts'
import { filterStateField, filterStateText } from '../stream_info/filter_state.ts'
import type { AddressInfo, StreamInfo } from '../stream_info/stream_info.ts'

type ExtensionView = xds.core.v3.TypedExtensionConfig

/** What the inputs look at. */
export interface RequestMatchingData {
  readonly headers: HeaderMap
  readonly streamInfo: StreamInfo
}

type Input = MatchInput<RequestMatchingData>

const http = 'envoy.type.matcher.v3'
const network = 'envoy.extensions.matching.common_inputs.network.v3'
const tls = 'envoy.extensions.matching.common_inputs.ssl.v3'
const environment = 'envoy.extensions.matching.common_inputs.environment_variable.v3.Config'

/** What is not known before there is a response. */
const notYet: Input = () => undefined

const plainInputs: ReadonlyMap<string, Input> = new Map<string, Input>([
  [`${http}.HttpRequestTrailerMatchInput`, notYet],
  [`${http}.HttpResponseHeaderMatchInput`, notYet],
  [`${http}.HttpResponseTrailerMatchInput`, notYet],
  [`${http}.HttpResponseStatusCodeMatchInput`, notYet],
  [`${http}.HttpResponseStatusCodeClassMatchInput`, notYet],
  [`${http}.HttpResponseLocalReplyMatchInput`, notYet],
  [`${network}.DestinationIPInput`, ({ streamInfo }) => ipOf(streamInfo.downstream.localAddress)],
  [`${network}.DestinationPortInput`, ({ streamInfo }) => portOf(streamInfo.downstream.localAddress)],
  [`${network}.SourceIPInput`, ({ streamInfo }) => ipOf(streamInfo.remoteAddress)],
  [`${network}.SourcePortInput`, ({ streamInfo }) => portOf(streamInfo.remoteAddress)],
  [`${network}.DirectSourceIPInput`, ({ streamInfo }) => ipOf(streamInfo.downstream.directRemoteAddress)],
  [`${network}.SourceTypeInput`, ({ streamInfo }) => (isLocal(streamInfo) ? 'local' : undefined)],
  [`${network}.ServerNameInput`, ({ streamInfo }) => streamInfo.downstream.requestedServerName || undefined],
  // No listener is in another network namespace.
  [`${network}.NetworkNamespaceInput`, () => undefined],
  [`${tls}.UriSanInput`, ({ streamInfo }) => joined(leafOf(streamInfo)?.uriSans)],
  [`${tls}.DnsSanInput`, ({ streamInfo }) => joined(leafOf(streamInfo)?.dnsSans)],
  [`${tls}.SubjectInput`, ({ streamInfo }) => leafOf(streamInfo)?.subject || undefined],
])

/** Those that have settings of their own. */
const configuredInputs: ReadonlyMap<string, (value: never) => Input> = new Map<string, (value: never) => Input>([
  [`${http}.HttpRequestHeaderMatchInput`, requestHeader],
  [`${http}.HttpRequestQueryParamMatchInput`, queryParam],
  [`${network}.FilterStateInput`, filterState],
  [`${network}.DynamicMetadataInput`, dynamicMetadata],
  [environment, environmentVariable],
])

/** Undefined after reporting an input that is not known here. */
export function compileRequestMatchInput(view: ExtensionView, errors: ConfigErrors): Input | undefined {
  const { typeUrl, value } = view.typedConfig ?? { typeUrl: '', value: undefined }
  const compile = configuredInputs.get(typeUrl)
  if (compile !== undefined) return compile(value as never)
  const input = plainInputs.get(typeUrl)
  if (input === undefined) {
    const absence = absenceNote(typeUrl)
    const message = `Didn't find a registered implementation for '${view.name}' with type URL: '${typeUrl}'${absence}`
    const expected = [...plainInputs.keys(), ...configuredInputs.keys()].join(', ')
    errors.add(view, view.typedConfig === undefined ? 'name' : 'typedConfig', message, { expected })
  }
  return input
}

/** Repeated headers are one value, joined with commas. */
function requestHeader({ headerName }: envoy.type.matcher.v3.HttpRequestHeaderMatchInput): Input {
  const name = headerName.toLowerCase()
  return ({ headers }) => joined(headers.getAll(name))
}

function queryParam({ queryParam: name }: envoy.type.matcher.v3.HttpRequestQueryParamMatchInput): Input {
  return ({ headers }) => decodedQueryParameter(headers.path, name)
}

/** The first of its name, decoded; a byte string. */
export function decodedQueryParameter(path: string, name: string): string | undefined {
  const start = path.indexOf('?')
  if (start < 0) return undefined
  for (const pair of path.slice(start + 1).split('&')) {
    const equals = pair.indexOf('=')
    const key = equals < 0 ? pair : pair.slice(0, equals)
    if (percentDecoded(key) === name) return equals < 0 ? '' : percentDecoded(pair.slice(equals + 1))
  }
  return undefined
}

/** Of a byte string. What is no escape stays as it is. */
export function percentDecoded(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function filterState({ key, field }: envoy.extensions.matching.common_inputs.network.v3.FilterStateInput): Input {
  return ({ streamInfo }) => {
    const object = streamInfo.filterStateObject(key)
    return field === '' ? filterStateText(object) : filterStateField(object, field)
  }
}

function dynamicMetadata(view: envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput): Input {
  const keys = view.path.map(({ key }) => key ?? '')
  return ({ streamInfo }) => {
    let value: unknown = streamInfo.dynamicMetadata[view.filter]
    for (const key of keys) {
      if (typeof value !== 'object' || value === null) return undefined
      value = (value as Record<string, unknown>)[key]
    }
    return typeof value === 'string' ? value : undefined
  }
}

/** As it was when the configuration was read. */
function environmentVariable({ name }: envoy.extensions.matching.common_inputs.environment_variable.v3.Config): Input {
  const value = process.env[name]
  return () => value
}

function leafOf({ downstream }: StreamInfo) {
  return downstream.tls?.peerChain[0]
}

function joined(values: readonly string[] | undefined): string | undefined {
  return values === undefined || values.length === 0 ? undefined : values.join(',')
}

function ipOf(address: AddressInfo): string | undefined {
  return address.family === 'pipe' ? undefined : address.ip
}

function portOf(address: AddressInfo): string | undefined {
  return address.family === 'pipe' ? undefined : String(address.port)
}

/** The client is on this machine. */
function isLocal({ downstream, remoteAddress }: StreamInfo): boolean {
  if (remoteAddress.family === 'pipe') return true
  const { ip } = remoteAddress
  return ip.startsWith('127.') || ip === '::1' || ip === downstream.localAddress.ip
}
