// A certificate's subject or issuer as text, in the form of RFC 2253 that Envoy logs and forwards.

import { type DerNode, derBytes, derChildren, derOid, derText } from './der.ts'

/** Attributes by their short names; others are written as their object identifier, with the value's DER in hexadecimal. */
const shortNames: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'street',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.13': 'description',
  '2.5.4.15': 'businessCategory',
  '2.5.4.17': 'postalCode',
  '2.5.4.41': 'name',
  '2.5.4.42': 'GN',
  '2.5.4.43': 'initials',
  '2.5.4.44': 'generationQualifier',
  '2.5.4.45': 'x500UniqueIdentifier',
  '2.5.4.46': 'dnQualifier',
  '2.5.4.65': 'pseudonym',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
}

/** `CN=example.com,O=Example\, Inc.`: the last attribute first, a byte string. Values that are not ASCII are escaped. */
export function distinguishedName(name: DerNode): string {
  const relativeNames = derChildren(name).map((set) => derChildren(set).map(attribute).join('+'))
  return relativeNames.reverse().join(',')
}

function attribute(node: DerNode): string {
  const [type, value] = derChildren(node)
  const oid = derOid(type)
  const text = derText(value)
  const known = shortNames[oid]
  if (known === undefined || text === undefined)
    return `${known ?? oid}=#${derBytes(value).toString('hex').toUpperCase()}`
  return `${known}=${escaped(text)}`
}

function escaped(text: string): string {
  const bytes = Buffer.from(text, 'utf8')
  let result = ''
  bytes.forEach((byte, index) => {
    const character = String.fromCharCode(byte)
    const isEdgeSpace = character === ' ' && (index === 0 || index === bytes.length - 1)
    if (byte < 0x20 || byte >= 0x7f) result += `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`
    else if (',+"\\<>;'.includes(character) || (character === '#' && index === 0) || isEdgeSpace)
      result += `\\${character}`
    else result += character
  })
  return result
}
