/** The DevTools protocol over a browser's two pipes: JSON messages, each ended by a zero byte. */
import type { Readable, Writable } from 'node:stream'

type Fields = Readonly<Record<string, unknown>>

interface Message {
  readonly id?: number
  readonly sessionId?: string
  readonly method?: string
  readonly params?: Fields
  readonly result?: Fields
  readonly error?: { readonly message: string }
}

interface Pending {
  readonly method: string
  resolve(result: Fields): void
  reject(error: Error): void
}

export class DevToolsPipe {
  readonly #output: Writable
  readonly #pending = new Map<number, Pending>()
  /** By session: what is told of each page's events. */
  readonly #listeners = new Map<string, (method: string, params: Fields) => void>()
  #lastId = 0
  #received: Buffer[] = []
  #closed: Error | undefined = undefined

  constructor(output: Writable, input: Readable) {
    this.#output = output
    // Whoever started the browser hears of its end, and why.
    for (const stream of [output, input]) stream.on('error', () => {})
    input.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  /** The command's result; rejects where the browser refuses it or is gone. */
  send(method: string, params: Fields = {}, sessionId?: string): Promise<Fields> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { method, resolve, reject })
      this.#output.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  }

  listen(sessionId: string, onEvent: (method: string, params: Fields) => void): void {
    this.#listeners.set(sessionId, onEvent)
  }

  /** All that waits for an answer fails with this reason. */
  close(reason: string): void {
    this.#closed ??= new Error(reason)
    for (const { method, reject } of this.#pending.values()) reject(new Error(`${method}: ${reason}`))
    this.#pending.clear()
  }

  #take(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(0); end >= 0; end = chunk.indexOf(0, start)) {
      const text = Buffer.concat([...this.#received, chunk.subarray(start, end)]).toString()
      this.#received = []
      start = end + 1
      this.#dispatch(JSON.parse(text) as Message)
    }
    if (start < chunk.length) this.#received.push(chunk.subarray(start))
  }

  #dispatch({ id, sessionId, method, params, result, error }: Message): void {
    if (id === undefined) {
      if (method !== undefined) this.#listeners.get(sessionId ?? '')?.(method, params ?? {})
      return
    }
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === undefined) pending?.resolve(result ?? {})
    else pending?.reject(new Error(`${pending.method}: ${error.message}`))
  }
}
