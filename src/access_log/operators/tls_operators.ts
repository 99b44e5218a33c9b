// Operators of TLS: what was negotiated, and the certificates of both ends, downstream and upstream.

import type { CertificateFacts, StreamInfo, TlsInfo } from '../../stream_info/stream_info.ts'
import { compileDateFormat } from '../date_format.ts'
import { byteString } from '../json_text.ts'
import { type OperatorSpec, plainText, textOperator } from '../operator.ts'

type Side = (info: StreamInfo) => TlsInfo | undefined
type Read<T> = (from: T) => string

const sessionFields: Readonly<Record<string, Read<TlsInfo>>> = {
  TLS_VERSION: (tls) => tls.version,
  TLS_CIPHER: (tls) => tls.cipher,
  TLS_GROUP: (tls) => tls.group,
  TLS_SESSION_ID: (tls) => tls.sessionId,
}

const peerFields: Readonly<Record<string, Read<CertificateFacts>>> = {
  PEER_SUBJECT: (certificate) => certificate.subject,
  PEER_ISSUER: (certificate) => certificate.issuer,
  PEER_URI_SAN: (certificate) => certificate.uriSans.join(','),
  PEER_DNS_SAN: (certificate) => certificate.dnsSans.join(','),
  PEER_IP_SAN: (certificate) => certificate.ipSans.join(','),
  PEER_CERT: (certificate) => encodeURIComponent(certificate.pem),
}

const localFields: Readonly<Record<string, Read<CertificateFacts>>> = {
  LOCAL_URI_SAN: (certificate) => certificate.uriSans.join(','),
  LOCAL_DNS_SAN: (certificate) => certificate.dnsSans.join(','),
  LOCAL_IP_SAN: (certificate) => certificate.ipSans.join(','),
}

/** Those that Envoy has of clients and of our own certificate towards them alone. */
const downstreamPeerFields: Readonly<Record<string, Read<CertificateFacts>>> = {
  PEER_EMAIL_SAN: (certificate) => certificate.emailSans.join(','),
  PEER_OTHERNAME_SAN: (certificate) => certificate.otherNameSans.join(','),
  PEER_SERIAL: (certificate) => certificate.serial,
  PEER_FINGERPRINT_1: (certificate) => certificate.fingerprint1,
  PEER_FINGERPRINT_256: (certificate) => certificate.fingerprint256,
}

const downstreamLocalFields: Readonly<Record<string, Read<CertificateFacts>>> = {
  LOCAL_SUBJECT: (certificate) => certificate.subject,
  LOCAL_EMAIL_SAN: (certificate) => certificate.emailSans.join(','),
  LOCAL_OTHERNAME_SAN: (certificate) => certificate.otherNameSans.join(','),
}

const downstreamChainFields: Readonly<Record<string, Read<readonly CertificateFacts[]>>> = {
  PEER_ISSUER_SERIAL: (chain) => chain[1]?.serial ?? '',
  PEER_ISSUER_FINGERPRINT_256: (chain) => chain[1]?.fingerprint256 ?? '',
  PEER_CHAIN_SERIALS: (chain) => chain.map((certificate) => certificate.serial).join(','),
  PEER_CHAIN_FINGERPRINTS_1: (chain) => chain.map((certificate) => certificate.fingerprint1).join(','),
  PEER_CHAIN_FINGERPRINTS_256: (chain) => chain.map((certificate) => certificate.fingerprint256).join(','),
}

function operators<T>(
  prefix: string,
  fields: Readonly<Record<string, Read<T>>>,
  of: (info: StreamInfo) => T | undefined,
): (readonly [string, OperatorSpec])[] {
  return Object.entries(fields).map(([name, read]) => [
    prefix + name,
    plainText(({ streamInfo }) => {
      const from = of(streamInfo)
      return from === undefined ? undefined : read(from) || undefined
    }),
  ])
}

const defaultFormat = '%Y-%m-%dT%H:%M:%E3SZ'

function validity(of: Side, end: 'validFromMs' | 'validToMs'): OperatorSpec {
  return {
    argument: 'optional',
    length: false,
    make: (argument) => {
      const format = compileDateFormat(byteString(argument || defaultFormat), false)
      return textOperator(({ streamInfo }) => {
        const certificate = of(streamInfo)?.peerChain[0]
        return certificate === undefined ? undefined : format(certificate[end])
      })
    },
  }
}

function bothSides(prefix: string, of: Side): (readonly [string, OperatorSpec])[] {
  return [
    ...operators(prefix, sessionFields, of),
    ...operators(prefix, peerFields, (info) => of(info)?.peerChain[0]),
    ...operators(prefix, localFields, (info) => of(info)?.localCertificate),
    [`${prefix}PEER_CERT_V_START`, validity(of, 'validFromMs')],
    [`${prefix}PEER_CERT_V_END`, validity(of, 'validToMs')],
  ]
}

const downstream: Side = (info) => info.downstream.tls
const upstream: Side = (info) => info.upstream?.tls

export const tlsOperators: readonly (readonly [string, OperatorSpec])[] = [
  ...bothSides('DOWNSTREAM_', downstream),
  ...bothSides('UPSTREAM_', upstream),
  ...operators('DOWNSTREAM_', downstreamPeerFields, (info) => downstream(info)?.peerChain[0]),
  ...operators('DOWNSTREAM_', downstreamLocalFields, (info) => downstream(info)?.localCertificate),
  ...operators('DOWNSTREAM_', downstreamChainFields, (info) => downstream(info)?.peerChain),
]
