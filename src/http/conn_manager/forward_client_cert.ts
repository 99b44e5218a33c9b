// x-forwarded-client-cert: what is passed on of the client's certificate, by forward_client_cert_details or its matcher.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { quoteJson } from '../../access_log/json_text.ts'
import { type HeaderMap, KnownHeader } from '../../common/header_map.ts'
import { compileMatcherTree } from '../../config/matcher_tree.ts'
import type { CertificateFacts, StreamInfo, TlsInfo } from '../../stream_info/stream_info.ts'
import type { ServerContext } from '../../upstream/server_context.ts'
import { compileRequestMatchInput, type RequestMatchingData } from '../request_match_inputs.ts'

type Manager = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
type Config = Pick<Manager, 'forwardClientCertDetails' | 'setCurrentClientCertDetails'>

/** Changes a request's header; `tls` is the downstream connection's. */
export type ForwardClientCert = (headers: HeaderMap, tls: TlsInfo | undefined, streamInfo: StreamInfo) => void

const headerName = 'x-forwarded-client-cert'
const configType =
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.ForwardClientCertConfig'

export function compileForwardClientCert(
  config: Manager,
  { errors, runtime }: Pick<ServerContext, 'errors' | 'runtime'>,
): ForwardClientCert {
  const byDefault = compileMode(config)
  const view = config.forwardClientCertMatcher
  if (view === undefined) return byDefault
  const tree = compileMatcherTree<RequestMatchingData, ForwardClientCert>(view, {
    errors,
    runtime,
    compileInput: (input) => compileRequestMatchInput(input, errors),
    compileAction(action) {
      const { typeUrl, value } = action.typedConfig ?? { typeUrl: '', value: undefined }
      if (typeUrl === configType) return compileMode(value as Config)
      const message = `Didn't find a registered implementation for '${action.name}' with type URL: '${typeUrl}'`
      errors.add(action, 'typedConfig', message, { expected: configType })
      return undefined
    },
  })
  return (headers, tls, streamInfo) => {
    const chosen = tree({ headers, streamInfo }) ?? byDefault
    chosen(headers, tls, streamInfo)
  }
}

function compileMode({
  forwardClientCertDetails: mode,
  setCurrentClientCertDetails: details,
}: Config): ForwardClientCert {
  if (mode === 'ALWAYS_FORWARD_ONLY') return () => {}
  const chosen = partNames.filter((name) => details?.[name] === true)
  const asJson = details?.format === 'JSON'
  return (headers, tls) => {
    const leaf = tls?.peerChain[0]
    const given = (headers.known & KnownHeader.xForwarded) !== 0
    // Nobody may claim a certificate that was not shown here.
    if (tls === undefined || leaf === undefined || mode === 'SANITIZE') {
      if (given) headers.remove(headerName)
      return
    }
    if (mode === 'FORWARD_ONLY') return
    if (mode === 'APPEND_FORWARD') append(headers, leaf, tls, chosen, asJson)
    else headers.set(headerName, asJson ? `[${jsonElement(leaf, tls, chosen)}]` : textElement(leaf, tls, chosen))
  }
}

/** What is there already decides on the form of what is added. */
function append(
  headers: HeaderMap,
  leaf: CertificateFacts,
  tls: TlsInfo,
  chosen: readonly PartName[],
  asJson: boolean,
): void {
  const before = headers.get(headerName) ?? ''
  if (before === '' && asJson) headers.set(headerName, `[${jsonElement(leaf, tls, chosen)}]`)
  else if (before.startsWith('[') && before.endsWith(']')) {
    headers.set(headerName, `${before.slice(0, -1)},${jsonElement(leaf, tls, chosen)}]`)
  } else headers.append(headerName, textElement(leaf, tls, chosen), ',')
}

/** In the order of the header. */
const partNames = ['cert', 'chain', 'subject', 'uri', 'dns', 'issuer'] as const
type PartName = (typeof partNames)[number]
type Part = (leaf: CertificateFacts, tls: TlsInfo) => readonly string[]

const textParts: Readonly<Record<PartName, Part>> = {
  cert: (leaf) => [`Cert="${encodeURIComponent(leaf.pem)}"`],
  chain: (_leaf, tls) => [`Chain="${tls.peerChain.map(({ pem }) => encodeURIComponent(pem)).join('')}"`],
  subject: (leaf) => [`Subject="${leaf.subject}"`],
  uri: (leaf) => (leaf.uriSans.length === 0 ? ['URI='] : leaf.uriSans.map((uri) => `URI=${uri}`)),
  dns: (leaf) => leaf.dnsSans.map((name) => `DNS=${name}`),
  issuer: (leaf) => [`Issuer="${leaf.issuer}"`],
}

/** `By=<URI>;Hash=<SHA-256>;Subject="..."` */
function textElement(leaf: CertificateFacts, tls: TlsInfo, chosen: readonly PartName[]): string {
  const own = (tls.localCertificate?.uriSans ?? []).map((uri) => `By=${uri}`)
  return [...own, `Hash=${leaf.fingerprint256}`, ...chosen.flatMap((name) => textParts[name](leaf, tls))].join(';')
}

const jsonParts: Readonly<Record<PartName, Part>> = {
  cert: (leaf) => [`"cert":${quoteJson(leaf.pem)}`],
  chain: (_leaf, tls) =>
    jsonList(
      'chain',
      tls.peerChain.map(({ pem }) => pem),
    ),
  subject: (leaf) => [`"subject":${quoteJson(leaf.subject)}`],
  uri: (leaf) => jsonList('uri', leaf.uriSans),
  dns: (leaf) => jsonList('dns', leaf.dnsSans),
  issuer: (leaf) => [`"issuer":${quoteJson(leaf.issuer)}`],
}

/** `{"by":["<URI>"],"hash":"<SHA-256>","subject":"..."}` */
function jsonElement(leaf: CertificateFacts, tls: TlsInfo, chosen: readonly PartName[]): string {
  const own = jsonList('by', tls.localCertificate?.uriSans ?? [])
  const parts = [...own, `"hash":"${leaf.fingerprint256}"`, ...chosen.flatMap((name) => jsonParts[name](leaf, tls))]
  return `{${parts.join(',')}}`
}

function jsonList(name: string, values: readonly string[]): readonly string[] {
  return values.length === 0 ? [] : [`"${name}":[${values.map(quoteJson).join(',')}]`]
}
