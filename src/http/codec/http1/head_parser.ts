// Parses the header lines of an HTTP/1 message in one strict pass over the text.

import { type HeaderMap, knownBit } from '../../../common/header_map.ts'
import { inlineRequestHeaders, inlineResponseHeaders } from '../../inline_headers.ts'

const codecError = 'http1.codec_error'

/** Why a message head was refused. `details` becomes %RESPONSE_CODE_DETAILS%. */
export class HeadError extends Error {
  readonly details: string
  readonly status: number

  constructor(message: string, details = codecError, status = 400) {
    super(message)
    this.details = details
    this.status = status
  }
}

/** No message head holds them. */
export const controlCharacters = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/

/** The error of a head, told apart as Envoy does: control characters anywhere in it have a details string of their own. */
export function classify(error: HeadError, text: string): HeadError {
  if (error.details !== codecError || !controlCharacters.test(text)) return error
  return new HeadError(error.message, 'http1.invalid_characters')
}

/** RFC 9110 5.6.2: the characters of a token, by code. */
export const tokenCharacters = new Uint8Array(256)
for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
  tokenCharacters[c.charCodeAt(0)] = 1

/** RFC 9110 5.5: what a field value may hold: tab, visible ASCII, space and obs-text. */
export const valueCharacters = new Uint8Array(256)
for (let c = 0; c < 256; c++) valueCharacters[c] = c === 9 || (c >= 0x20 && c !== 0x7f) ? 1 : 0

/** A name that a head holds once only. */
interface InlineName {
  readonly inRequests: boolean
  readonly inResponses: boolean
  /** The head that it was last seen in. */
  head: number
}

const inlineNames = new Map<string, InlineName>()
for (const name of [...inlineRequestHeaders, ...inlineResponseHeaders]) {
  // A body framed twice is refused: the two must stay apart until then.
  if (name === 'content-length' || name === 'transfer-encoding') continue
  const inRequests = inlineRequestHeaders.has(name)
  inlineNames.set(name, { inRequests, inResponses: inlineResponseHeaders.has(name), head: 0 })
}
/** Counts the heads. */
let currentHead = 0

/** What the lines belong to: in heads, a second value of certain names joins the first with a comma, as in Envoy. */
export type LinesOf = 'request' | 'response' | 'trailers'

interface InternedName {
  readonly name: string
  readonly bit: number
  readonly inline: InlineName | undefined
}

/** Names as received to their lower-case form and known bit. Bounded: a peer chooses the names. */
const internedNames = new Map<string, InternedName>()
const maxInternedNames = 4096

function intern(raw: string): InternedName {
  const found = internedNames.get(raw)
  if (found !== undefined) return found
  const name = raw.toLowerCase()
  const entry = { name, bit: knownBit(name), inline: inlineNames.get(name) }
  // A flat copy: the slice would keep its whole head alive.
  if (internedNames.size < maxInternedNames && raw.length <= 64)
    internedNames.set(Buffer.from(raw, 'latin1').toString('latin1'), entry)
  return entry
}

const colon = 0x3a
const cr = 0x0d
const lf = 0x0a
const space = 0x20
const tab = 0x09

/**
 * Adds the header lines of `text` from `position` to `headers`; each line ends in CRLF, and the text ends after the last.
 * Returns the header bytes as Envoy counts them: names and values, and three more a line. Throws HeadError for anything that two parsers could read differently: a name that is no token, space before the
 * colon, line folding, control characters, a bare CR or LF.
 */
export function parseHeaderLines(text: string, position: number, headers: HeaderMap, linesOf: LinesOf): number {
  const names = headers.names
  const values = headers.values
  const end = text.length
  let known = headers.known
  let bytes = 0
  const head = ++currentHead
  let p = position
  while (p < end) {
    const nameStart = p
    while (tokenCharacters[text.charCodeAt(p)] === 1) p++
    if (p === nameStart || text.charCodeAt(p) !== colon) throw new HeadError('INVALID_HEADER_NAME_CHARACTER')
    const raw = text.slice(nameStart, p)
    p++
    let c = text.charCodeAt(p)
    while (c === space || c === tab) c = text.charCodeAt(++p)
    const valueStart = p
    while (valueCharacters[c] === 1) c = text.charCodeAt(++p)
    let valueEnd = p
    if (c !== cr || text.charCodeAt(p + 1) !== lf) throw new HeadError('INVALID_HEADER_CHARACTER')
    while (valueEnd > valueStart && isBlank(text.charCodeAt(valueEnd - 1))) valueEnd--
    p += 2
    const entry = intern(raw)
    const value = text.slice(valueStart, valueEnd)
    bytes += raw.length + value.length + 3
    const { inline } = entry
    if (inline !== undefined) {
      if (inline.head === head && isInline(inline, linesOf)) {
        joinValue(headers, entry.name, value)
        continue
      }
      inline.head = head
    }
    names.push(entry.name)
    values.push(value)
    known |= entry.bit
    if (headers.receivedCase !== undefined) headers.receivedCase.note(entry.name, raw)
  }
  headers.known = known
  return bytes
}

function isInline(inline: InlineName, linesOf: LinesOf): boolean {
  return linesOf === 'request' ? inline.inRequests : linesOf === 'response' && inline.inResponses
}

/** An empty value adds nothing. */
function joinValue(headers: HeaderMap, name: string, value: string): void {
  if (value !== '') headers.append(name, value)
}

function isBlank(c: number): boolean {
  return c === space || c === tab
}

/** The Content-Length of a message: -1 for none. Digits only; once only, even if all are the same. */
export function parseContentLength(headers: HeaderMap): number {
  let length = -1
  for (let i = 0; i < headers.names.length; i++) {
    if (headers.names[i] !== 'content-length') continue
    const value = headers.values[i]
    if (length !== -1) throw new HeadError('MULTIPLE_CONTENT_LENGTH_KEYS')
    // 15 digits are exact in a double; a body of that many bytes does not end in anybody's lifetime.
    if (value.length === 0 || value.length > 15) throw new HeadError('UNPARSABLE_CONTENT_LENGTH')
    let number = 0
    for (let j = 0; j < value.length; j++) {
      const digit = value.charCodeAt(j) - 0x30
      if (digit < 0 || digit > 9) throw new HeadError('UNPARSABLE_CONTENT_LENGTH')
      number = number * 10 + digit
    }
    length = number
  }
  return length
}
