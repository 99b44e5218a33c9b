/** Splits a stream of well-formed HTTP/1.1 requests (what a proxy sends upstream) into messages; not a validating parser. */

interface ReaderEvents {
  /** The head with its empty line. */
  head(head: string): void
  /** Bytes of the message after its head, as they came. */
  raw(data: string): void
  /** The decoded body; returning true stops the reading (the rest of the bytes is a tunnel's). */
  complete(body: string): boolean | undefined
}

type State = 'head' | 'length' | 'chunk size' | 'chunk' | 'trailers' | 'stopped'

export class MessageReader {
  readonly #events: ReaderEvents
  #state: State = 'head'
  #buffer = ''
  #remaining = 0
  #body = ''

  constructor(events: ReaderEvents) {
    this.#events = events
  }

  /** Takes bytes (one character a byte); returns what is left over once reading has stopped, else ''. */
  push(data: string): string {
    this.#buffer += data
    while (this.#state !== 'stopped' && this.#step()) {
      // Each step takes one piece of the buffer.
    }
    if (this.#state !== 'stopped') return ''
    const rest = this.#buffer
    this.#buffer = ''
    return rest
  }

  #step(): boolean {
    switch (this.#state) {
      case 'head':
        return this.#readHead()
      case 'length':
      case 'chunk':
        return this.#readBody()
      case 'chunk size':
        return this.#readLine((line) => {
          this.#remaining = Number.parseInt(line, 16) || 0
          this.#state = this.#remaining === 0 ? 'trailers' : 'chunk'
        })
      case 'trailers':
        return this.#readLine((line) => {
          if (line === '') this.#finish()
        })
      default:
        return false
    }
  }

  #readHead(): boolean {
    const end = this.#buffer.indexOf('\r\n\r\n')
    if (end < 0) return false
    const head = this.#buffer.slice(0, end + 4)
    this.#buffer = this.#buffer.slice(end + 4)
    this.#body = ''
    this.#events.head(head)
    if (/\r\ntransfer-encoding:[^\r]*chunked/i.test(head)) {
      this.#state = 'chunk size'
      return true
    }
    this.#remaining = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
    if (this.#remaining === 0) this.#finish()
    else this.#state = 'length'
    return true
  }

  #readBody(): boolean {
    const part = this.#buffer.slice(0, this.#remaining)
    if (part !== '') {
      this.#take(part.length)
      this.#body += part
      this.#remaining -= part.length
    }
    if (this.#remaining > 0) return false
    if (this.#state === 'length') this.#finish()
    else if (this.#buffer.length < 2) return false
    else {
      this.#take(2)
      this.#state = 'chunk size'
    }
    return true
  }

  #readLine(use: (line: string) => void): boolean {
    const end = this.#buffer.indexOf('\r\n')
    if (end < 0) return false
    const line = this.#buffer.slice(0, end)
    this.#take(end + 2)
    use(line)
    return true
  }

  #take(length: number): void {
    this.#events.raw(this.#buffer.slice(0, length))
    this.#buffer = this.#buffer.slice(length)
  }

  #finish(): void {
    this.#state = 'head'
    if (this.#events.complete(this.#body) === true) this.#state = 'stopped'
  }
}
