// TLSProperties of a log entry: what was negotiated with the client, and the certificates of both ends.

import { textOfByteString } from '../../common/sanitized_utf8.ts'
import type { Sparse, TlsProperties } from '../../config/access_log_messages.ts'
import type { CertificateFacts, DownstreamInfo } from '../../stream_info/stream_info.ts'

type Version = TlsProperties['tlsVersion']

const versions: Readonly<Record<string, Version>> = {
  TLSv1: 'TLSv1',
  'TLSv1.1': 'TLSv1_1',
  'TLSv1.2': 'TLSv1_2',
  'TLSv1.3': 'TLSv1_3',
}

/** IANA's numbers of the cipher suites that a connection may agree on. */
const cipherSuiteIds: Readonly<Record<string, number>> = {
  'AES128-SHA': 0x002f,
  'AES256-SHA': 0x0035,
  'AES128-GCM-SHA256': 0x009c,
  'AES256-GCM-SHA384': 0x009d,
  TLS_AES_128_GCM_SHA256: 0x1301,
  TLS_AES_256_GCM_SHA384: 0x1302,
  TLS_CHACHA20_POLY1305_SHA256: 0x1303,
  'ECDHE-ECDSA-AES128-SHA': 0xc009,
  'ECDHE-ECDSA-AES256-SHA': 0xc00a,
  'ECDHE-RSA-AES128-SHA': 0xc013,
  'ECDHE-RSA-AES256-SHA': 0xc014,
  'ECDHE-RSA-AES128-SHA256': 0xc027,
  'ECDHE-ECDSA-AES128-GCM-SHA256': 0xc02b,
  'ECDHE-ECDSA-AES256-GCM-SHA384': 0xc02c,
  'ECDHE-RSA-AES128-GCM-SHA256': 0xc02f,
  'ECDHE-RSA-AES256-GCM-SHA384': 0xc030,
  'ECDHE-RSA-CHACHA20-POLY1305': 0xcca8,
  'ECDHE-ECDSA-CHACHA20-POLY1305': 0xcca9,
}

/** Undefined on a plain connection. */
export function tlsProperties(downstream: DownstreamInfo): Sparse<TlsProperties> | undefined {
  const { tls } = downstream
  if (tls === undefined) return undefined
  const peer = tls.peerChain[0]
  return {
    tlsVersion: versions[tls.version],
    tlsCipherSuite: cipherSuiteIds[tls.cipher],
    tlsSniHostname: textOfByteString(downstream.requestedServerName),
    localCertificateProperties: {
      subjectAltName: alternativeNames(tls.localCertificate),
      subject: textOfByteString(tls.localCertificate?.subject ?? ''),
    },
    peerCertificateProperties: {
      subjectAltName: alternativeNames(peer),
      subject: textOfByteString(peer?.subject ?? ''),
      issuer: textOfByteString(peer?.issuer ?? ''),
    },
    tlsSessionId: tls.sessionId,
    ja3Fingerprint: downstream.ja3Fingerprint,
  }
}

/** URIs alone, as in Envoy. */
function alternativeNames(certificate: CertificateFacts | undefined): { readonly uri: string }[] {
  return certificate?.uriSans.map((uri) => ({ uri: textOfByteString(uri) })) ?? []
}
