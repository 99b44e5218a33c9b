// What the codec wants to know of a header field, found once for each entry of an HPACK table.

import { knownBit } from '../../../common/header_map.ts'
import { inlineRequestHeaders, inlineResponseHeaders } from '../../inline_headers.ts'
import { tokenCharacters, valueCharacters } from '../http1/head_parser.ts'

/**
 * The lower bits of what `classifyField` says; above them is the name's place in the tables below, 0 for a name that is in
 * none of them.
 */
export const FieldFlag = {
  /** RFC 9113 8.2.1: a name that is no lower-case token, or a value with control characters. */
  invalid: 1,
  /** The value has bytes above ASCII. */
  obsText: 2,
  underscore: 4,
  pseudo: 8,
} as const
export const fieldNameShift = 4

/** Names that the codec acts on, by their places. */
export const FieldName = {
  method: 1,
  path: 2,
  authority: 3,
  scheme: 4,
  protocol: 5,
  status: 6,
  contentLength: 7,
  cookie: 8,
  host: 9,
  te: 10,
  /** And those after it up to `lastConnectionSpecific`. */
  firstConnectionSpecific: 11,
  lastConnectionSpecific: 15,
} as const

const actedOn = [
  '',
  ':method',
  ':path',
  ':authority',
  ':scheme',
  ':protocol',
  ':status',
  'content-length',
  'cookie',
  'host',
  'te',
  // RFC 9113 8.2.2
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]
const tabled = [...new Set([...actedOn, ...inlineRequestHeaders, ...inlineResponseHeaders, 'date', 'server', 'accept'])]

/** What each name in the tables means to HeaderMap, and whether a second value of it joins the first. */
export const fieldKnownBits = Int32Array.from(tabled, knownBit)
export const joinsInRequests = Uint8Array.from(tabled, (name) => (inlineRequestHeaders.has(name) ? 1 : 0))
export const joinsInResponses = Uint8Array.from(tabled, (name) => (inlineResponseHeaders.has(name) ? 1 : 0))
export const tabledFieldCount = tabled.length

const places = new Map(tabled.map((name, place) => [name, place]))

const nameCharacters = new Uint8Array(256)
for (let c = 0; c < 256; c++) {
  const isUpper = c >= 0x41 && c <= 0x5a
  nameCharacters[c] = tokenCharacters[c] === 1 && !isUpper ? 1 : 0
}

const colon = 0x3a
const underscoreCharacter = 0x5f

/** RFC 3986: what an authority may consist of; as nghttp2, no user information. */
const authorityCharacters = charactersOf("!$%&'()*+,-.:;=[]_~")
/** Everything visible, and bytes above ASCII. */
const pathCharacters = new Uint8Array(256)
for (let c = 0x21; c < 256; c++) pathCharacters[c] = c === 0x7f ? 0 : 1
/** RFC 3986 3.1; the first one is a letter, which is above all others. */
const schemeCharacters = charactersOf('+-.')

function charactersOf(marks: string): Uint8Array {
  const characters = new Uint8Array(256)
  for (const c of `${marks}0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ`)
    characters[c.charCodeAt(0)] = 1
  return characters
}

/** Of the names whose values have a form of their own, by their places. */
const valueForms: (Uint8Array | undefined)[] = []
valueForms[FieldName.method] = tokenCharacters
valueForms[FieldName.path] = pathCharacters
valueForms[FieldName.authority] = authorityCharacters
valueForms[FieldName.scheme] = schemeCharacters
valueForms[FieldName.protocol] = valueCharacters
valueForms[FieldName.host] = authorityCharacters

/** A `Classify` of the HPACK decoder. */
export function classifyField(name: string, value: string): number {
  const place = places.get(name) ?? 0
  const form = valueForms[place]
  const hasForm = form === undefined || (isOf(form, value) && (form !== schemeCharacters || value > '9~'))
  const flags = hasForm ? nameFlags(name) | valueFlags(value) : FieldFlag.invalid
  return (place << fieldNameShift) | flags
}

/** None of these values may be empty. */
function isOf(characters: Uint8Array, value: string): boolean {
  for (let i = 0; i < value.length; i++) if (characters[value.charCodeAt(i)] !== 1) return false
  return value.length > 0
}

function nameFlags(name: string): number {
  const isPseudo = name.charCodeAt(0) === colon
  let flags: number = isPseudo ? FieldFlag.pseudo : 0
  const start = isPseudo ? 1 : 0
  if (name.length === start) return FieldFlag.invalid
  for (let i = start; i < name.length; i++) {
    const c = name.charCodeAt(i)
    if (nameCharacters[c] !== 1) return flags | FieldFlag.invalid
    if (c === underscoreCharacter) flags |= FieldFlag.underscore
  }
  return flags
}

function valueFlags(value: string): number {
  let upper = 0
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i)
    if (valueCharacters[c] !== 1) return FieldFlag.invalid
    upper |= c
  }
  return upper >= 0x80 ? FieldFlag.obsText : 0
}
