// Makes a HeaderMap of one HPACK block, and finds what makes it no HTTP message (RFC 9113 section 8).

import { HeaderMap, knownBit } from '../../../common/header_map.ts'
import type { Http2CodecStats } from './codec_stats.ts'
import { ErrorCode } from './constants.ts'
import { Http2ConnectionError } from './errors.ts'
import {
  FieldFlag,
  FieldName,
  fieldKnownBits,
  fieldNameShift,
  joinsInRequests,
  joinsInResponses,
  tabledFieldCount,
} from './header_fields.ts'
import type { Http2Settings } from './settings.ts'

export type BlockKind = 'request' | 'response' | 'trailers'

/**
 * What is wrong with a block: a field that may not be (`header`), fields that do not make a message (`messaging`), more
 * bytes or fields than the limits allow, or an underscore where the configuration refuses those.
 */
export type BlockError = '' | 'header' | 'messaging' | 'tooLarge' | 'tooMany' | 'underscore'

/** Which of tabled names the block has, by the number of the block that had it last. */
const lastSeenIn = new Float64Array(tabledFieldCount)
let blockNumber = 0

const noStatus = 0
const slash = 0x2f

/** One for a connection, used for each of its blocks. */
export class HeaderBlock {
  readonly #settings: Http2Settings
  readonly #stats: Http2CodecStats
  kind: BlockKind = 'request'
  headers = new HeaderMap()
  error: BlockError = ''
  /** Names and values, as the limit counts them. */
  bytes = 0
  count = 0
  /** Of content-length; -1 for none. */
  contentLength = -1
  #cookie = ''
  #pseudoSeen = 0
  /** The block is read for the table's sake only. */
  #discards = false

  constructor(settings: Http2Settings, stats: Http2CodecStats) {
    this.#settings = settings
    this.#stats = stats
  }

  begin(kind: BlockKind, discards: boolean): void {
    this.kind = kind
    this.headers = new HeaderMap()
    this.error = ''
    this.bytes = 0
    this.count = 0
    this.contentLength = -1
    this.#cookie = ''
    this.#pseudoSeen = 0
    this.#discards = discards
    blockNumber++
  }

  /** An `OnHeader` of the HPACK decoder. */
  readonly add = (name: string, value: string, kind: number): boolean => {
    if (this.#discards) return false
    const { length } = value
    if (length > this.#settings.maxHeaderFieldBytes || name.length > this.#settings.maxHeaderFieldBytes)
      throw new Http2ConnectionError('a header field too long', ErrorCode.compressionError)
    this.bytes += name.length + length
    this.count++
    if (this.bytes > this.#settings.maxHeadersBytes) return this.#fail('tooLarge')
    if (this.count > this.#settings.maxHeadersCount) return this.#fail('tooMany')
    if ((kind & 0xf) !== 0) {
      if ((kind & FieldFlag.invalid) !== 0) return this.#fail('header')
      if ((kind & FieldFlag.obsText) !== 0 && !this.#settings.allowObsText) return this.#fail('header')
      if ((kind & FieldFlag.pseudo) !== 0) return this.#addPseudo(kind >> fieldNameShift, value)
      if ((kind & FieldFlag.underscore) !== 0 && this.#settings.headersWithUnderscores !== 'ALLOW')
        return this.#onUnderscore()
    }
    this.#pseudoSeen |= pseudoOver
    const place = kind >> fieldNameShift
    if (place === 0) {
      const { headers } = this
      headers.names.push(name)
      headers.values.push(value)
      if (name.charCodeAt(0) === 0x78) headers.known |= knownBit(name)
      return true
    }
    return place <= FieldName.lastConnectionSpecific && !this.#actOn(place, value)
      ? this.error === ''
      : this.#addTabled(place, name, value)
  }

  #addTabled(place: number, name: string, value: string): boolean {
    const { headers, kind } = this
    const wasSeen = lastSeenIn[place] === blockNumber
    lastSeenIn[place] = blockNumber
    const joins = kind === 'request' ? joinsInRequests[place] : kind === 'response' ? joinsInResponses[place] : 0
    if (wasSeen && joins === 1) {
      if (value !== '') headers.append(name, value)
      return true
    }
    headers.names.push(name)
    headers.values.push(value)
    headers.known |= fieldKnownBits[place]
    return true
  }

  /** Of names that mean something to the codec: whether the field is added as any other. */
  #actOn(place: number, value: string): boolean {
    switch (place) {
      case FieldName.contentLength:
        return this.#noteContentLength(value)
      case FieldName.cookie:
        // RFC 9113 8.2.3: crumbs make one field again.
        this.#cookie = this.#cookie === '' ? value : `${this.#cookie}; ${value}`
        return this.kind === 'trailers'
      case FieldName.host:
        // RFC 9113 8.3.1: :authority comes first, and host stands in where there is none.
        if (this.kind !== 'request') return true
        if (this.#pseudoSeen & hostSeen) this.#fail('header')
        this.#pseudoSeen |= hostSeen
        if (this.headers.authority === '') this.headers.authority = value
        return false
      case FieldName.te:
        if (value === 'trailers' || value.toLowerCase() === 'trailers') return true
        this.#fail('header')
        return false
      default:
        this.#fail('header')
        return false
    }
  }

  #noteContentLength(value: string): boolean {
    let length = 0
    for (let i = 0; i < value.length; i++) {
      const digit = value.charCodeAt(i) - 0x30
      if (digit < 0 || digit > 9) this.#fail('header')
      length = length * 10 + digit
    }
    // 15 digits are exact in a double; a body of that many bytes does not end in anybody's lifetime.
    if (value.length === 0 || value.length > 15) this.#fail('header')
    if (this.contentLength >= 0) this.#fail('header')
    this.contentLength = length
    return this.error === ''
  }

  #addPseudo(place: number, value: string): boolean {
    const { headers, kind } = this
    const bit = 1 << place
    if (kind === 'trailers' || place === 0 || (this.#pseudoSeen & (bit | pseudoOver)) !== 0) return this.#fail('header')
    if ((kind === 'response') !== (place === FieldName.status)) return this.#fail('header')
    if (place === FieldName.protocol && !this.#settings.allowConnect) return this.#fail('header')
    this.#pseudoSeen |= bit
    switch (place) {
      case FieldName.method:
        headers.method = value
        break
      case FieldName.path:
        headers.path = value
        break
      case FieldName.authority:
        headers.authority = value
        break
      case FieldName.scheme:
        headers.scheme = value
        break
      case FieldName.protocol:
        headers.protocol = value
        break
      default:
        headers.status = statusOf(value)
        if (headers.status === noStatus) return this.#fail('header')
    }
    return true
  }

  #onUnderscore(): boolean {
    if (this.#settings.headersWithUnderscores === 'REJECT_REQUEST') {
      this.#stats.requestsRejectedWithUnderscores.inc()
      return this.#fail('underscore')
    }
    this.#stats.droppedHeadersWithUnderscores.inc()
    return true
  }

  #fail(error: BlockError): false {
    if (this.error === '') this.error = error
    return false
  }

  /** The block is whole: completes the headers and checks them as a message; `error` says what came of it. */
  finish(): HeaderMap {
    const { headers } = this
    if (this.#cookie !== '' && this.kind !== 'trailers') {
      headers.names.push('cookie')
      headers.values.push(this.#cookie)
    }
    if (this.error === '' && !this.#discards && !this.#isMessage()) this.error = 'messaging'
    return headers
  }

  #isMessage(): boolean {
    const seen = this.#pseudoSeen
    if (this.kind === 'trailers') return true
    if (this.kind === 'response') return (seen & (1 << FieldName.status)) !== 0
    return isRequest(this.headers, seen)
  }
}

/** A field that is no pseudo-header has come: RFC 9113 8.3 wants those first. */
const pseudoOver = 1 << 10
/** Two hosts would be two readings of one request. */
const hostSeen = 1 << 11
const targetFields = (1 << FieldName.scheme) | (1 << FieldName.path)

/** RFC 9113 8.3.1, 8.5 and RFC 8441 4. */
function isRequest(headers: HeaderMap, seen: number): boolean {
  const { method, path } = headers
  if (method === '' || headers.authority === '') return false
  if ((seen & (1 << FieldName.protocol)) !== 0) {
    if (method !== 'CONNECT' || headers.protocol === '') return false
  } else if (method === 'CONNECT') return (seen & targetFields) === 0
  if ((seen & targetFields) !== targetFields) return false
  return path.charCodeAt(0) === slash || (path === '*' && method === 'OPTIONS')
}

/** Three digits; 101 has no meaning in HTTP/2 (RFC 9113 8.6). */
function statusOf(value: string): number {
  if (value === '200') return 200
  if (!/^[1-9][0-9][0-9]$/.test(value) || value === '101') return noStatus
  return Number(value)
}
