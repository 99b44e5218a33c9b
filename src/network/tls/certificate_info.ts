// What is read from one certificate: names, validity, fingerprints, each worked out when it is first asked for.

import { createHash } from 'node:crypto'
import type { CertificateFacts, SubjectAltName } from '../../stream_info/stream_info.ts'
import {
  type DerNode,
  derBytes,
  derChildren,
  derContent,
  derInner,
  derOid,
  derTag,
  derText,
  derTime,
  readDer,
} from './der.ts'
import { distinguishedName } from './distinguished_name.ts'

const subjectAltNameOid = '2.5.29.17'
const keyUsageOid = '2.5.29.15'
const basicConstraintsOid = '2.5.29.19'
/** The first bit of the key usage extension (RFC 5280, section 4.2.1.3). */
const digitalSignature = 0x8000
const mustStapleOid = '1.3.6.1.5.5.7.1.24'

interface Fields {
  readonly serial: DerNode
  readonly issuer: DerNode
  readonly validity: readonly DerNode[]
  readonly subject: DerNode
  readonly publicKey: DerNode
  /** Values of extensions by object identifier: what the OCTET STRING holds. */
  readonly extensions: ReadonlyMap<string, DerNode>
}

/** Fields as X.509 (RFC 5280) defines them. The constructor throws DerError for what is no certificate. */
export class CertificateInfo implements CertificateFacts {
  readonly der: Buffer
  readonly #fields: Fields
  #altNames: readonly SubjectAltName[] | undefined = undefined
  #fingerprint256 = ''

  constructor(der: Buffer) {
    this.der = der
    this.#fields = readFields(der)
  }

  get subject(): string {
    return distinguishedName(this.#fields.subject)
  }

  get issuer(): string {
    return distinguishedName(this.#fields.issuer)
  }

  /** The issuer's name as it is encoded: equal for the same issuer. */
  get issuerDer(): Buffer {
    return derBytes(this.#fields.issuer)
  }

  get subjectDer(): Buffer {
    return derBytes(this.#fields.subject)
  }

  /** Hexadecimal, lower case, without leading zero bytes. */
  get serial(): string {
    const hex = derContent(this.#fields.serial)
      .toString('hex')
      .replace(/^(00)+(?=..)/, '')
    return hex
  }

  get validFromMs(): number {
    return derTime(this.#fields.validity[0])
  }

  get validToMs(): number {
    return derTime(this.#fields.validity[1])
  }

  get fingerprint256(): string {
    if (this.#fingerprint256 === '') this.#fingerprint256 = createHash('sha256').update(this.der).digest('hex')
    return this.#fingerprint256
  }

  get fingerprint1(): string {
    return createHash('sha1').update(this.der).digest('hex')
  }

  /** SHA-256 of the SubjectPublicKeyInfo in Base64, as `verify_certificate_spki` has it. */
  get spkiHash(): string {
    return createHash('sha256').update(derBytes(this.#fields.publicKey)).digest('base64')
  }

  /** In text form with line ends, as `openssl x509` prints it. */
  get pem(): string {
    const lines = this.der.toString('base64').match(/.{1,64}/g) ?? []
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
  }

  get altNames(): readonly SubjectAltName[] {
    this.#altNames ??= readAltNames(this.#fields.extensions.get(subjectAltNameOid))
    return this.#altNames
  }

  get dnsSans(): readonly string[] {
    return this.#namesOf('DNS')
  }

  get uriSans(): readonly string[] {
    return this.#namesOf('URI')
  }

  get ipSans(): readonly string[] {
    return this.#namesOf('IP_ADDRESS')
  }

  get emailSans(): readonly string[] {
    return this.#namesOf('EMAIL')
  }

  get otherNameSans(): readonly string[] {
    return this.#namesOf('OTHER_NAME')
  }

  /** The common names of the subject, as text. */
  get commonNames(): readonly string[] {
    const names: string[] = []
    for (const set of derChildren(this.#fields.subject)) {
      for (const attribute of derChildren(set)) {
        const [type, value] = derChildren(attribute)
        if (derOid(type) === '2.5.4.3') names.push(derText(value) ?? '')
      }
    }
    return names
  }

  /** Bits of the key usage extension, the first in the highest bit of 16; undefined without one. */
  get keyUsage(): number | undefined {
    const extension = this.#fields.extensions.get(keyUsageOid)
    if (extension === undefined) return undefined
    const bytes = derContent(derInner(extension))
    return ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0)
  }

  /** Handshakes may be signed with its key. */
  get allowsSigning(): boolean {
    const usage = this.keyUsage
    return usage === undefined || (usage & digitalSignature) !== 0
  }

  get isCertificateAuthority(): boolean {
    const extension = this.#fields.extensions.get(basicConstraintsOid)
    if (extension === undefined) return false
    const [flag] = derChildren(derInner(extension))
    return flag?.tag === derTag.boolean && flag.data[flag.content] !== 0
  }

  /** The TLS feature extension of RFC 7633 asks for a stapled OCSP response. */
  get mustStaple(): boolean {
    return this.#fields.extensions.has(mustStapleOid)
  }

  #namesOf(type: SubjectAltName['type']): readonly string[] {
    return this.altNames.filter((name) => name.type === type).map((name) => name.value)
  }
}

function readFields(der: Buffer): Fields {
  const [body] = derChildren(readDer(der))
  const parts = derChildren(body)
  // The version is explicit, and left out by version 1.
  const first = parts[0].tag === 0xa0 ? 1 : 0
  const [serial, , issuer, validity, subject, publicKey, ...rest] = parts.slice(first)
  const extensions = new Map<string, DerNode>()
  const list = rest.find((part) => part.tag === 0xa3)
  for (const extension of list === undefined ? [] : derChildren(derInner(list))) {
    const [oid, ...others] = derChildren(extension)
    const value = others.at(-1)
    if (value !== undefined) extensions.set(derOid(oid), value)
  }
  return { serial, issuer, validity: derChildren(validity), subject, publicKey, extensions }
}

function readAltNames(extension: DerNode | undefined): SubjectAltName[] {
  if (extension === undefined) return []
  const names: SubjectAltName[] = []
  for (const name of derChildren(derInner(extension))) {
    const text = () => derContent(name).toString('latin1')
    if (name.tag === 0x82) names.push({ type: 'DNS', value: text(), oid: '' })
    else if (name.tag === 0x86) names.push({ type: 'URI', value: text(), oid: '' })
    else if (name.tag === 0x81) names.push({ type: 'EMAIL', value: text(), oid: '' })
    else if (name.tag === 0x87) names.push({ type: 'IP_ADDRESS', value: ipText(derContent(name)), oid: '' })
    else if (name.tag === 0xa0) {
      const [oid, value] = derChildren(name)
      names.push({ type: 'OTHER_NAME', value: otherNameText(derInner(value)), oid: derOid(oid) })
    }
  }
  return names
}

/** Strings as their bytes, other types as Envoy prints them: numbers in decimal, object identifiers dotted. */
function otherNameText(value: DerNode): string {
  const text = derText(value)
  if (text !== undefined) return Buffer.from(text, 'utf8').toString('latin1')
  const content = derContent(value)
  if (value.tag === derTag.boolean) return content[0] === 0 ? 'false' : 'true'
  if (value.tag === derTag.integer || value.tag === 0x0a) {
    const bits = content.length * 8
    return String(BigInt.asIntN(bits, BigInt(`0x${content.toString('hex') || '0'}`)))
  }
  if (value.tag === derTag.oid) return derOid(value)
  return content.toString('latin1')
}

function ipText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) return ''
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push(bytes.readUInt16BE(i).toString(16))
  // The URL parser writes the shortest form.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
