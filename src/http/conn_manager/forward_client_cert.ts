// x-forwarded-client-cert: what is passed on of the client's certificate, by forward_client_cert_details.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { type HeaderMap, KnownHeader } from '../../common/header_map.ts'
import type { CertificateFacts, TlsInfo } from '../../stream_info/stream_info.ts'

type Manager = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager

/** Changes a request's header; `tls` is the downstream connection's. */
export type ForwardClientCert = (headers: HeaderMap, tls: TlsInfo | undefined) => void

const headerName = 'x-forwarded-client-cert'

type Part = (leaf: CertificateFacts, tls: TlsInfo) => readonly string[]

/** In the order of the header. */
const parts: Readonly<Record<'cert' | 'chain' | 'subject' | 'issuer' | 'uri' | 'dns', Part>> = {
  cert: (leaf) => [`Cert="${encodeURIComponent(leaf.pem)}"`],
  chain: (_leaf, tls) => [`Chain="${tls.peerChain.map(({ pem }) => encodeURIComponent(pem)).join('')}"`],
  subject: (leaf) => [`Subject="${leaf.subject}"`],
  issuer: (leaf) => [`Issuer="${leaf.issuer}"`],
  uri: (leaf) => (leaf.uriSans.length === 0 ? ['URI='] : leaf.uriSans.map((uri) => `URI=${uri}`)),
  dns: (leaf) => leaf.dnsSans.map((name) => `DNS=${name}`),
}

export function compileForwardClientCert(config: Manager): ForwardClientCert {
  const mode = config.forwardClientCertDetails
  if (mode === 'ALWAYS_FORWARD_ONLY') return () => {}
  const details = config.setCurrentClientCertDetails
  const chosen = Object.entries(parts).filter(([name]) => details?.[name as keyof typeof parts] === true)
  return (headers, tls) => {
    const leaf = tls?.peerChain[0]
    const given = (headers.known & KnownHeader.xForwarded) !== 0
    // Nobody may claim a certificate that was not shown here.
    if (tls === undefined || leaf === undefined || mode === 'SANITIZE') {
      if (given) headers.remove(headerName)
      return
    }
    if (mode === 'FORWARD_ONLY') return
    const own = (tls.localCertificate?.uriSans ?? []).map((uri) => `By=${uri}`)
    const value = [...own, `Hash=${leaf.fingerprint256}`, ...chosen.flatMap(([, part]) => part(leaf, tls))].join(';')
    if (mode === 'APPEND_FORWARD') headers.append(headerName, value, ',')
    else headers.set(headerName, value)
  }
}
