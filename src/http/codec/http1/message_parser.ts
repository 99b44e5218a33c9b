// Splits a connection's bytes into HTTP/1 messages: heads, body data, chunks and trailers.

import { latin1Slice } from '../../../common/latin1.ts'
import { controlCharacters, HeadError, tokenCharacters, valueCharacters } from './head_parser.ts'

/** How a body is framed, as the head decides it: a length (0 for none) or one of these. */
export const Framing = {
  chunked: -1,
  untilClose: -2,
  /** Upgraded or CONNECT: everything after the head belongs to the other protocol. */
  raw: -3,
} as const

/** Takes the parts of one direction's messages in order. Each may throw HeadError. */
export interface MessageHandler {
  /** `text` is the start line and the header lines, each with its CRLF. Returns the framing. */
  onHead(text: string): number
  onBody(data: Buffer): void
  /** `trailerLines` is '' where there are none. */
  onComplete(trailerLines: string): void
}

const State = {
  head: 0,
  length: 1,
  chunkSize: 2,
  chunkData: 3,
  chunkEnd: 4,
  trailers: 5,
  untilClose: 6,
  raw: 7,
} as const

/** Most heads are shorter: decoding no more at first spares copying a body as text. */
const headWindowBytes = 4096
const maxChunkLineBytes = 256
const headEnd = '\r\n\r\n'
const bareLineFeed = /(?<!\r)\n/

export class MessageParser {
  readonly #handler: MessageHandler
  readonly #maxHeadBytes: number
  readonly #skipsEmptyLines: boolean
  #state: number = State.head
  /** Bytes left of the body or chunk. */
  #remaining = 0
  /** The head, chunk line or trailer section so far, when it comes in pieces. */
  #pieces: string[] = []
  #piecesBytes = 0
  /** Empty lines came where a head is expected, and no head yet. */
  #afterEmptyLine = false
  /** The CR of such a line came, and its LF not yet. */
  #afterCr = false
  /** The body data of the current call, not handed on yet. */
  readonly #body: Buffer[] = []
  /** Bytes of chunk lines and trailers since they were taken. */
  #framingBytes = 0
  /** Set by the handler (in onHead or onComplete) to stop behind the current message. */
  paused = false

  constructor(handler: MessageHandler, maxHeadBytes: number, skipsEmptyLines: boolean) {
    this.#handler = handler
    this.#maxHeadBytes = maxHeadBytes
    this.#skipsEmptyLines = skipsEmptyLines
  }

  get betweenMessages(): boolean {
    return this.#state === State.head && this.#piecesBytes === 0
  }

  /** True from the first byte of a head that is not whole yet, empty lines before it included. */
  get inHead(): boolean {
    return this.#state === State.head && (this.#piecesBytes > 0 || this.#afterEmptyLine)
  }

  get readsUntilClose(): boolean {
    return this.#state === State.untilClose || this.#state === State.raw
  }

  /**
   * Consumes bytes up to the end or to where the handler paused; returns how many. What one call finds of a body is
   * handed on in one piece, however many chunks it came in.
   */
  execute(data: Buffer): number {
    this.#body.length = 0
    const consumed = this.#consume(data)
    this.#flushBody()
    return consumed
  }

  #flushBody(): void {
    const parts = this.#body
    if (parts.length === 0) return
    const data = parts.length === 1 ? parts[0] : Buffer.concat(parts)
    parts.length = 0
    this.#handler.onBody(data)
  }

  #complete(trailerLines: string): void {
    this.#flushBody()
    this.#state = State.head
    this.#handler.onComplete(trailerLines)
  }

  #consume(data: Buffer): number {
    let offset = 0
    while (offset < data.length && !this.paused) {
      switch (this.#state) {
        case State.head:
          offset = this.#readHead(data, offset)
          break
        case State.length:
        case State.chunkData:
          offset = this.#readBody(data, offset)
          break
        case State.chunkSize:
          offset = this.#readChunkSize(data, offset)
          break
        case State.chunkEnd:
          offset = this.#readChunkEnd(data, offset)
          break
        case State.trailers:
          offset = this.#readTrailers(data, offset)
          break
        default:
          this.#body.push(offset === 0 ? data : data.subarray(offset))
          offset = data.length
      }
    }
    return offset
  }

  /** How many bytes framed the body that was handed on: chunk lines, trailers. */
  takeFramingBytes(): number {
    const bytes = this.#framingBytes
    this.#framingBytes = 0
    return bytes
  }

  /** The peer has sent FIN: ends a body that runs until then; true if that was in order. */
  finish(): boolean {
    if (this.#state === State.untilClose || this.#state === State.raw) {
      this.#state = State.head
      this.#handler.onComplete('')
      return true
    }
    return this.betweenMessages
  }

  #readHead(data: Buffer, offset: number): number {
    let start = offset
    if (this.#piecesBytes === 0 && this.#skipsEmptyLines && (data[start] === 0x0d || this.#afterCr)) {
      start = this.#skipEmptyLines(data, start)
      if (start === data.length) return start
    }
    let window = latin1Slice(data, start, Math.min(data.length, start + headWindowBytes))
    let consumed: number
    let text: string
    if (this.#piecesBytes === 0) {
      let end = window.indexOf(headEnd)
      if (end < 0 && start + headWindowBytes < data.length) {
        window = latin1Slice(data, start, Math.min(data.length, start + this.#maxHeadBytes + 4))
        end = window.indexOf(headEnd)
      }
      if (end < 0) return this.#keepHeadPiece(window, '', data.length)
      text = window.slice(0, end + 2)
      consumed = start + end + 4
    } else {
      window = latin1Slice(data, start, Math.min(data.length, start + this.#maxHeadBytes + 4))
      const tail = this.#lastThree()
      const end = (tail + window).indexOf(headEnd)
      if (end < 0) return this.#keepHeadPiece(window, tail, data.length)
      const inWindow = end + 4 - tail.length
      text = `${this.#pieces.join('')}${window.slice(0, inWindow)}`
      text = text.slice(0, text.length - 2)
      consumed = start + inWindow
      this.#pieces = []
      this.#piecesBytes = 0
    }
    if (text.length > this.#maxHeadBytes) throw headTooLarge()
    this.#afterEmptyLine = false
    this.#begin(this.#handler.onHead(text))
    return consumed
  }

  /** RFC 9112 2.2: empty lines before a request line are skipped. */
  #skipEmptyLines(data: Buffer, offset: number): number {
    let position = offset
    this.#afterEmptyLine = true
    while (position < data.length) {
      if (this.#afterCr && data[position] !== 0x0a) throw new HeadError('INVALID_START')
      if (!this.#afterCr && data[position] !== 0x0d) break
      this.#afterCr = !this.#afterCr
      position++
    }
    return position
  }

  #begin(framing: number): void {
    if (framing > 0) {
      this.#remaining = framing
      this.#state = State.length
    } else if (framing === 0) {
      this.#state = State.head
      this.#handler.onComplete('')
    } else if (framing === Framing.chunked) this.#state = State.chunkSize
    else this.#state = framing === Framing.untilClose ? State.untilClose : State.raw
  }

  #readBody(data: Buffer, offset: number): number {
    const available = data.length - offset
    const take = Math.min(available, this.#remaining)
    this.#remaining -= take
    this.#body.push(take === data.length ? data : data.subarray(offset, offset + take))
    if (this.#remaining === 0) {
      if (this.#state === State.chunkData) this.#state = State.chunkEnd
      else this.#complete('')
    }
    return offset + take
  }

  /** RFC 9112 7.1: chunk-size [ chunk-ext ] CRLF. Extensions are read over, but must be clean. */
  #readChunkSize(data: Buffer, offset: number): number {
    const end = this.#readLine(data, offset, maxChunkLineBytes, invalidChunk)
    if (end < 0) return data.length
    const line = this.#takeLine(data, offset, end)
    this.#framingBytes += line.length + 2
    let size = 0
    let p = 0
    for (; p < line.length; p++) {
      const digit = hexDigit(line.charCodeAt(p))
      if (digit < 0) break
      size = size * 16 + digit
    }
    if (p === 0 || p > 13) throw new HeadError('INVALID_CHUNK_LENGTH')
    checkChunkExtension(line, p)
    this.#remaining = size
    this.#state = size === 0 ? State.trailers : State.chunkData
    return end
  }

  #readChunkEnd(data: Buffer, offset: number): number {
    const end = this.#readLine(data, offset, 2, invalidChunk)
    if (end < 0) return data.length
    if (this.#takeLine(data, offset, end) !== '') throw new HeadError('INVALID_CHUNK_FRAMING')
    this.#framingBytes += 2
    this.#state = State.chunkSize
    return end
  }

  #readTrailers(data: Buffer, offset: number): number {
    // The section is empty (one CRLF) nearly always.
    let position = offset
    while (position < data.length) {
      const end = this.#readLine(data, position, this.#maxHeadBytes, headTooLarge)
      if (end < 0) return data.length
      const line = this.#takeLine(data, position, end)
      this.#framingBytes += line.length + 2
      position = end
      if (line === '') {
        const lines = this.#trailerLines
        this.#trailerLines = ''
        this.#complete(lines)
        return position
      }
      this.#trailerLines += `${line}\r\n`
      if (this.#trailerLines.length > this.#maxHeadBytes) throw headTooLarge()
    }
    return position
  }

  #trailerLines = ''

  /** Position behind the next CRLF, or -1 after keeping what there is. */
  #readLine(data: Buffer, offset: number, limit: number, tooLong: () => HeadError): number {
    const lineFeed = data.indexOf(0x0a, offset)
    const length = this.#piecesBytes + (lineFeed < 0 ? data.length : lineFeed) - offset
    if (length > limit + 1) throw tooLong()
    if (lineFeed < 0) {
      // Nothing but LF may follow a CR: refused now, before any of this body is forwarded, as far as that is known.
      const carriageReturn = data.indexOf(0x0d, offset)
      const endsInCr = this.#piecesBytes > 0 && this.#pieces[this.#pieces.length - 1].endsWith('\r')
      if (endsInCr || (carriageReturn >= 0 && carriageReturn < data.length - 1))
        throw new HeadError('INVALID_CHUNK_FRAMING')
      this.#keepPiece(latin1Slice(data, offset, data.length), 0)
      return -1
    }
    return lineFeed + 1
  }

  #takeLine(data: Buffer, offset: number, end: number): string {
    let line = latin1Slice(data, offset, end - 1)
    if (this.#piecesBytes > 0) {
      line = this.#pieces.join('') + line
      this.#pieces = []
      this.#piecesBytes = 0
    }
    if (line.charCodeAt(line.length - 1) !== 0x0d) throw new HeadError('INVALID_CHUNK_FRAMING')
    return line.slice(0, -1)
  }

  /** What can no longer become a head (TLS, a line end without CR) is refused as soon as it is seen. */
  #keepHeadPiece(piece: string, before: string, result: number): number {
    if (controlCharacters.test(piece)) throw new HeadError('CONTROL_CHARACTER', 'http1.invalid_characters')
    if (before === '' && this.#piecesBytes === 0 && tokenCharacters[piece.charCodeAt(0)] !== 1)
      throw new HeadError('INVALID_START')
    const endsLine = before.endsWith('\r') && piece.charCodeAt(0) === 0x0a
    if (bareLineFeed.test(endsLine ? piece.slice(1) : piece)) throw new HeadError('BARE_LINE_FEED')
    return this.#keepPiece(piece, result)
  }

  #keepPiece(piece: string, result: number): number {
    this.#pieces.push(piece)
    this.#piecesBytes += piece.length
    if (this.#piecesBytes > this.#maxHeadBytes) throw headTooLarge()
    return result
  }

  #lastThree(): string {
    let tail = ''
    for (let i = this.#pieces.length - 1; i >= 0 && tail.length < 3; i--) tail = this.#pieces[i].slice(-3) + tail
    return tail.slice(-3)
  }
}

function headTooLarge(): HeadError {
  return new HeadError('HEADERS_TOO_LONG', 'http1.headers_too_large', 431)
}

function invalidChunk(): HeadError {
  return new HeadError('INVALID_CHUNK_FRAMING')
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  if (c >= 0x61 && c <= 0x66) return c - 0x57
  if (c >= 0x41 && c <= 0x46) return c - 0x37
  return -1
}

function checkChunkExtension(line: string, position: number): void {
  let p = position
  while (line.charCodeAt(p) === 0x20 || line.charCodeAt(p) === 0x09) p++
  if (p === line.length) return
  if (line.charCodeAt(p) !== 0x3b) throw new HeadError('INVALID_CHUNK_LENGTH')
  for (; p < line.length; p++) {
    if (valueCharacters[line.charCodeAt(p)] !== 1) throw new HeadError('INVALID_CHUNK_EXTENSION')
  }
}
