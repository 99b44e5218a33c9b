// Fingerprints of TLS clients: JA3 (an MD5 over what a ClientHello lists) and JA4 (readable, order of extensions left out).

import { createHash } from 'node:crypto'
import { ByteCursor, uint16List } from '../../../../network/tls/byte_cursor.ts'
import { type ClientHello, ExtensionType, findExtension, TlsVersion } from '../../../../network/tls/client_hello.ts'

const ja4HashLength = 12

const ja4Versions: Readonly<Record<number, string>> = {
  [TlsVersion.tls13]: '13',
  [TlsVersion.tls12]: '12',
  [TlsVersion.tls11]: '11',
  [TlsVersion.tls10]: '10',
}

/** Values that clients strew in so that servers learn to ignore what they do not know (RFC 8701). */
function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >>> 8 === (value & 0xff)
}

/** The MD5, in hexadecimal, of `version,ciphers,extensions,curves,point formats`. */
export function ja3Fingerprint(hello: ClientHello): string {
  const ciphers = hello.cipherSuites.filter((id) => !isGrease(id))
  const extensions = hello.extensions.map(({ type }) => type).filter((type) => !isGrease(type))
  const lists = [ciphers, extensions, groups(hello), pointFormats(hello)]
  const text = [String(hello.legacyVersion), ...lists.map((list) => list.join('-'))].join(',')
  return createHash('md5').update(text).digest('hex')
}

function groups(hello: ClientHello): number[] {
  const data = findExtension(hello, ExtensionType.supportedGroups)
  return data === undefined ? [] : uint16List(data.subarray(2))
}

function pointFormats(hello: ClientHello): number[] {
  const data = findExtension(hello, ExtensionType.ecPointFormats)
  return data === undefined ? [] : [...data.subarray(1)]
}

/** `t13d1516h2_8daaf6152771_e5627efa2ab1` */
export function ja4Fingerprint(hello: ClientHello): string {
  const ciphers = hello.cipherSuites.filter((id) => !isGrease(id))
  const extensions = hello.extensions.map(({ type }) => type).filter((type) => !isGrease(type))
  const name = findExtension(hello, ExtensionType.serverName) === undefined ? 'i' : 'd'
  const head = `t${ja4Version(hello)}${name}${twoDigits(ciphers.length)}${twoDigits(extensions.length)}${ja4Protocol(hello)}`
  return `${head}_${ja4Hash(hexList(ciphers.sort(byValue)))}_${ja4Hash(ja4Extensions(hello, extensions))}`
}

function ja4Version(hello: ClientHello): string {
  const data = findExtension(hello, ExtensionType.supportedVersions)
  let highest = hello.legacyVersion
  if (data !== undefined) {
    const versions = new ByteCursor(data).vector8()
    if (versions === undefined) return '00'
    const offered = uint16List(versions).filter((version) => !isGrease(version))
    if (offered.length > 0) highest = Math.max(...offered)
  }
  return ja4Versions[highest] ?? '00'
}

/** The first and last character of the first protocol offered; '00' for none. */
function ja4Protocol(hello: ClientHello): string {
  const data = findExtension(hello, ExtensionType.applicationLayerProtocolNegotiation)
  if (data === undefined) return '00'
  const cursor = new ByteCursor(data)
  cursor.uint16()
  const protocol = cursor.vector8()
  if (protocol === undefined || protocol.length === 0) return '00'
  const first = protocol[0]
  const last = protocol[protocol.length - 1]
  if (isAlphanumeric(first) && isAlphanumeric(last)) return String.fromCharCode(first, last)
  return `${(first >>> 4).toString(16)}${(last & 0x0f).toString(16)}`
}

function isAlphanumeric(code: number): boolean {
  const letter = code | 0x20
  return (code >= 0x30 && code <= 0x39) || (letter >= 0x61 && letter <= 0x7a)
}

/** Types in order of size without name and protocols, which vary with the destination; then the signature algorithms. */
function ja4Extensions(hello: ClientHello, types: readonly number[]): string {
  const { serverName, applicationLayerProtocolNegotiation, signatureAlgorithms } = ExtensionType
  const stable = types.filter((type) => type !== serverName && type !== applicationLayerProtocolNegotiation)
  if (stable.length === 0) return ''
  const list = hexList([...stable].sort(byValue))
  const algorithms = uint16List((findExtension(hello, signatureAlgorithms) ?? Buffer.alloc(0)).subarray(2))
  return algorithms.length === 0 ? list : `${list}_${hexList(algorithms)}`
}

function ja4Hash(text: string): string {
  if (text === '') return '0'.repeat(ja4HashLength)
  return createHash('sha256').update(text).digest('hex').slice(0, ja4HashLength)
}

function hexList(numbers: readonly number[]): string {
  return numbers.map((number) => number.toString(16).padStart(4, '0')).join(',')
}

function twoDigits(count: number): string {
  return String(Math.min(count, 99)).padStart(2, '0')
}

function byValue(a: number, b: number): number {
  return a - b
}
