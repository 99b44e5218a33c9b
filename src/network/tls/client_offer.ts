// What a TLS client offers in its first message, before the handshake begins: the certificate is chosen by it, and a failed
// handshake is explained by it.

import { ByteCursor, uint16List } from './byte_cursor.ts'
import {
  type ClientHello,
  ExtensionType,
  findExtension,
  offeredProtocols,
  serverNameOf,
  TlsVersion,
} from './client_hello.ts'
import { ClientHelloReader } from './client_hello_reader.ts'

export interface ClientOffer {
  /** Lower case; '' where none was sent. */
  readonly serverName: string
  readonly applicationProtocols: readonly string[]
  /** TLS 1.3 is among what the client speaks. */
  readonly offersTls13: boolean
  readonly cipherSuites: readonly number[]
  readonly groups: readonly number[]
  readonly signatureAlgorithms: readonly number[]
  /** A stapled OCSP response is wanted. */
  readonly wantsOcspResponse: boolean
}

/**
 * `bytes` are all that have come so far: 'incomplete' where more are needed, 'invalid' for what is no ClientHello. A reader
 * that is kept from call to call does not look at bytes twice.
 */
export function readClientOffer(
  bytes: Buffer,
  reader = new ClientHelloReader(),
): ClientOffer | 'incomplete' | 'invalid' {
  const outcome = reader.read(bytes)
  if (outcome === 'more') return 'incomplete'
  if (outcome !== 'found' || reader.hello === undefined) return 'invalid'
  return offerOf(reader.hello)
}

function offerOf(hello: ClientHello): ClientOffer {
  return {
    serverName: serverNameOf(hello)?.toLowerCase() ?? '',
    applicationProtocols: offeredProtocols(hello) ?? [],
    offersTls13: versionsOf(hello).includes(TlsVersion.tls13),
    cipherSuites: hello.cipherSuites,
    groups: list16(hello, ExtensionType.supportedGroups),
    signatureAlgorithms: list16(hello, ExtensionType.signatureAlgorithms),
    wantsOcspResponse: findExtension(hello, ExtensionType.statusRequest)?.[0] === ocsp,
  }
}

/** CertificateStatusType (RFC 6066 section 8). */
const ocsp = 1

function versionsOf(hello: ClientHello): number[] {
  const data = findExtension(hello, ExtensionType.supportedVersions)
  const versions = data === undefined ? undefined : new ByteCursor(data).vector8()
  return versions === undefined ? [] : uint16List(versions)
}

/** An extension that is a list of 16-bit values. */
function list16(hello: ClientHello, type: number): number[] {
  const data = findExtension(hello, type)
  const list = data === undefined ? undefined : new ByteCursor(data).vector16()
  return list === undefined ? [] : uint16List(list)
}
