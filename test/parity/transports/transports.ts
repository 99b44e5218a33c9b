/**
 * Suites that were written for HTTP/1 without TLS, over any protocol and socket on either side: what the listeners and
 * the clusters add to their YAML, how the client connects, and what it and the backends send instead.
 */
import type { IssuedCertificate } from '../../support/certificate_authority.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { http2Case, Untranslatable } from './translate.ts'

export interface Side {
  readonly http2: boolean
  readonly tls: boolean
}

export interface Transport {
  readonly name: string
  readonly downstream: Side
  readonly upstream: Side
}

const sides: readonly Side[] = [
  { http2: false, tls: false },
  { http2: false, tls: true },
  { http2: true, tls: false },
  { http2: true, tls: true },
]

const sideName = ({ http2, tls }: Side): string => `${http2 ? 'h2' : 'h1'}${tls ? ' TLS' : ''}`

export const transports: readonly Transport[] = sides.flatMap((downstream) =>
  sides.map((upstream) => ({ name: `${sideName(downstream)} to ${sideName(upstream)}`, downstream, upstream })),
)

/** All suites over all transports take more than an hour: by hand. */
export const isWide = process.env['PARITY_MATRIX'] === 'all'

/** What is left of a timeout depends on the milliseconds before. */
const REMAINING: [RegExp, string] = [/(rq-timeout-ms: )(\d+|<\S+>)/g, '$1<ms>']

const HTTP2_CLIENT: readonly [RegExp, string][] = [
  // Ours says GOAWAY where Envoy ends the connection without a word, at times before its SETTINGS have left.
  [/^GOAWAY .*\n?/gm, ''],
  [/^connection:\n((SETTINGS|WINDOW_UPDATE) .*\n?)*$/, ''],
  // Where filters have taken the body away, Envoy ends the message with an empty frame.
  [/^HEADERS\n((?: {2}.*\n)* {2}.*)\nDATA "" end/gm, 'HEADERS end\n$1'],
]

/** How long a compressed header block is depends on the random ids in it. */
const COMPRESSED: [RegExp, string] = [/(UPSTREAM_WIRE_BYTES_SENT)=\d+/g, '$1=N']

/** Shorter than that of a suite of its own: a difference is looked at again, and longer. */
const QUIET_MS = 25

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'

/** Clusters that say themselves that they speak HTTP/1 are not for every transport. */
export function fits({ yaml }: ParitySuite, { upstream }: Transport): boolean {
  return !upstream.http2 || !yaml.includes('upstreams.http.v3.HttpProtocolOptions')
}

/** The suite over another transport, without the cases that mean something in HTTP/1 alone. */
export function over(
  suite: ParitySuite,
  { name, downstream, upstream }: Transport,
  own: IssuedCertificate,
): ParitySuite {
  const cases = suite.cases.flatMap((one) => translated(one, name, downstream, upstream))
  const backends = suite.backends ?? ['main']
  const protocol = upstream.http2 ? 'h2' : 'http/1.1'
  const tls = { cert: own.cert, key: own.key, ALPNProtocols: [protocol] }
  let yaml = clustersOver(suite.yaml, upstream)
  if (downstream.tls) yaml = listenersOverTls(yaml, own)
  if (downstream.http2) yaml = withConnect(yaml)
  return {
    ...suite,
    name: `${suite.name}, ${name}`,
    yaml,
    cases,
    backends: upstream.http2 ? [] : backends,
    http2Backends: upstream.http2 ? backends : [],
    http2Settings: { enableConnectProtocol: true },
    tlsBackends: upstream.tls ? Object.fromEntries(backends.map((backend) => [backend, tls])) : {},
  }
}

function translated(one: ParityCase, name: string, downstream: Side, upstream: Side): ParityCase[] {
  // What asks the admin interface alone knows of no transport.
  if (!one.steps.some((step) => typeof step === 'string')) return []
  try {
    const http2 = http2Case(one, downstream.http2, upstream.http2)
    const protocol = downstream.http2 ? 'h2' : 'http/1.1'
    const quietMs = one.quietMs ?? QUIET_MS
    const tls = downstream.tls ? { tls: { ALPNProtocols: [protocol] } } : {}
    const normalize = [...(one.normalize ?? []), REMAINING]
    if (downstream.http2) normalize.push(...HTTP2_CLIENT)
    if (upstream.http2) normalize.push(COMPRESSED)
    return [{ ...http2, ...tls, quietMs, normalize, name: `${name}: ${one.name}` }]
  } catch (error) {
    if (error instanceof Untranslatable) return []
    throw error
  }
}

function listenersOverTls(yaml: string, { certPath, keyPath }: IssuedCertificate): string {
  const certificate = `{ certificate_chain: { filename: ${certPath} }, private_key: { filename: ${keyPath} } }`
  const context = `{ alpn_protocols: [h2, http/1.1], tls_certificates: [${certificate}] }`
  const socket = `{ name: tls, typed_config: { "@type": ${TLS}.DownstreamTlsContext, common_tls_context: ${context} } }`
  return yaml.replaceAll(
    /^( *)filter_chains:\n *- filters:/gm,
    `$1filter_chains:\n$1- transport_socket: ${socket}\n$1  filters:`,
  )
}

/** HTTP/2 upgrades by CONNECT. */
function withConnect(yaml: string): string {
  return yaml.replaceAll(/^( *)http_filters:\n/gm, '$1http2_protocol_options: { allow_connect: true }\n$&')
}

function clustersOver(yaml: string, { http2, tls }: Side): string {
  const fields: string[] = []
  // Cluster fields of old, since a cluster may have either of them beside all others.
  if (http2) fields.push('http2_protocol_options: { allow_connect: true }')
  else if (!yaml.includes('upstreams.http.v3')) fields.push('http_protocol_options: { enable_trailers: true }')
  if (tls)
    fields.push(`transport_socket: { name: tls, typed_config: { "@type": ${TLS}.UpstreamTlsContext, sni: a.test } }`)
  return yaml.replaceAll(/^( *)connect_timeout: 1s\n/gm, (line, pad: string) => {
    return line + fields.map((field) => `${pad}${field}\n`).join('')
  })
}
