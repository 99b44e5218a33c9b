// The ClientHello message (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2), as far as a proxy that does not answer it looks.

import { latin1Slice } from '../../common/latin1.ts'
import { ByteCursor, uint16List } from './byte_cursor.ts'

export const ExtensionType = {
  serverName: 0,
  statusRequest: 5,
  supportedGroups: 10,
  ecPointFormats: 11,
  signatureAlgorithms: 13,
  applicationLayerProtocolNegotiation: 16,
  supportedVersions: 43,
  encryptedClientHello: 65037,
} as const

export interface Extension {
  readonly type: number
  readonly data: Buffer
}

/** The message taken apart: nothing but its outer form has been checked. */
export interface ClientHello {
  readonly legacyVersion: number
  readonly cipherSuites: readonly number[]
  /** In the order of the message, no type twice. */
  readonly extensions: readonly Extension[]
}

const sessionIdLimit = 32
const randomLength = 32
const hostNameLimit = 255
const hostNameType = 0

export const TlsVersion = { tls10: 0x0301, tls11: 0x0302, tls12: 0x0303, tls13: 0x0304 } as const

/** Undefined for a message that is not of the form. `body` is what follows the message's type and length. */
export function parseClientHello(body: Buffer): ClientHello | undefined {
  const cursor = new ByteCursor(body)
  const legacyVersion = cursor.uint16()
  const random = cursor.bytes(randomLength)
  const sessionId = cursor.vector8()
  const cipherSuites = cursor.vector16()
  const compressionMethods = cursor.vector8()
  if (random === undefined || sessionId === undefined || sessionId.length > sessionIdLimit) return undefined
  if (cipherSuites === undefined || cipherSuites.length < 2 || cipherSuites.length % 2 === 1) return undefined
  if (compressionMethods === undefined || compressionMethods.length === 0) return undefined
  const extensions = cursor.remaining === 0 ? [] : parseExtensions(cursor.vector16())
  if (extensions === undefined || cursor.remaining > 0) return undefined
  return { legacyVersion, cipherSuites: uint16List(cipherSuites), extensions }
}

function parseExtensions(block: Buffer | undefined): Extension[] | undefined {
  if (block === undefined) return undefined
  const cursor = new ByteCursor(block)
  const extensions: Extension[] = []
  const types = new Set<number>()
  while (cursor.remaining > 0) {
    const type = cursor.uint16()
    const data = cursor.vector16()
    if (data === undefined || types.has(type)) return undefined
    types.add(type)
    extensions.push({ type, data })
  }
  return extensions
}

export function findExtension(hello: ClientHello, type: number): Buffer | undefined {
  return hello.extensions.find((extension) => extension.type === type)?.data
}

/** The name in the server_name extension, '' without one; undefined where the extension is not of its form (RFC 6066). */
export function serverNameOf(hello: ClientHello): string | undefined {
  const data = findExtension(hello, ExtensionType.serverName)
  if (data === undefined) return ''
  const outer = new ByteCursor(data)
  const list = outer.vector16()
  if (list === undefined || outer.remaining > 0) return undefined
  const inner = new ByteCursor(list)
  const type = inner.uint8()
  const name = inner.vector16()
  if (name === undefined || inner.remaining > 0 || type !== hostNameType) return undefined
  if (name.length === 0 || name.length > hostNameLimit || name.includes(0)) return undefined
  return latin1Slice(name, 0, name.length)
}

/** The protocols that the client offers; undefined without the extension, or where it is not of its form (RFC 7301). */
export function offeredProtocols(hello: ClientHello): string[] | undefined {
  const data = findExtension(hello, ExtensionType.applicationLayerProtocolNegotiation)
  if (data === undefined) return undefined
  const outer = new ByteCursor(data)
  const list = outer.vector16()
  if (list === undefined || outer.remaining > 0 || list.length < 2) return undefined
  const inner = new ByteCursor(list)
  const protocols: string[] = []
  while (inner.remaining > 0) {
    const name = inner.vector8()
    if (name === undefined || name.length === 0) return undefined
    protocols.push(latin1Slice(name, 0, name.length))
  }
  return protocols
}

const outerHello = 0

/** Whether an encrypted_client_hello extension is of its form, which is looked at before all others (RFC 9849 section 5). */
export function encryptedHelloIsWellFormed(hello: ClientHello): boolean {
  const data = findExtension(hello, ExtensionType.encryptedClientHello)
  if (data === undefined) return true
  const cursor = new ByteCursor(data)
  const type = cursor.uint8()
  if (type !== outerHello) return type > outerHello
  const suiteAndConfig = cursor.bytes(5)
  const key = cursor.vector16()
  const payload = cursor.vector16()
  return suiteAndConfig !== undefined && key !== undefined && payload !== undefined && cursor.remaining === 0
}

/** Whether the version that the message itself names is one of TLS. */
export function isTlsVersion(version: number): boolean {
  return version >= TlsVersion.tls10 && version <= TlsVersion.tls13
}
