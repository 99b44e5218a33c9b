/** A plain TCP client for tests: sends exact bytes, keeps every byte received, and sees FIN and RST apart. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, TLSSocket } from 'node:tls'

const DEFAULT_TIMEOUT_MS = 5000

export class RawClient {
  readonly socket: Socket
  /** Own port number, which proxies print as the downstream remote port. */
  localPort = 0
  /** True once the peer has sent FIN or RST. */
  ended = false
  /** `ECONNRESET` and the like when the connection broke, else undefined. */
  errorCode: string | undefined
  /** Milliseconds of the monotonic clock when the last byte or FIN came. */
  lastActivityMs = performance.now()
  #chunks: Buffer[] = []
  #wakeups: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      this.#wake()
    })
    socket.on('end', () => {
      this.ended = true
      this.#wake()
    })
    socket.on('close', () => {
      this.ended = true
      this.#wake()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code
    })
  }

  static async connect(target: number | string, host = '127.0.0.1'): Promise<RawClient> {
    const socket =
      typeof target === 'string'
        ? connect({ path: target, allowHalfOpen: true })
        : connect({ port: target, host, allowHalfOpen: true })
    const client = new RawClient(socket)
    try {
      await once(socket, 'connect')
    } catch (error) {
      // A peer that accepts and resets at once may be quicker than the event loop: that was a connection nonetheless.
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
      client.ended = true
    }
    client.localPort = socket.localPort ?? 0
    return client
  }

  /** Through TLS; a handshake that fails leaves a client that has ended. */
  static async connectTls(port: number, host = '127.0.0.1', options: ConnectionOptions = {}): Promise<RawClient> {
    const tcp = connect({ port, host, allowHalfOpen: true })
    await once(tcp, 'connect')
    const localPort = tcp.localPort ?? 0
    const socket = connectTls({ socket: tcp, rejectUnauthorized: false, ...options })
    const client = new RawClient(socket)
    client.localPort = localPort
    await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(() => {})
    return client
  }

  /** Everything received so far, one character a byte. */
  get text(): string {
    return this.bytes.toString('latin1')
  }

  get bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  get receivedBytes(): number {
    let total = 0
    for (const chunk of this.#chunks) total += chunk.length
    return total
  }

  /** Strings are sent one byte a character (latin1). */
  write(data: string | Uint8Array): void {
    if (this.socket.destroyed || this.socket.writableEnded) return
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
  }

  /** Sends FIN and keeps reading. */
  halfClose(): void {
    this.socket.end()
  }

  /** RST; a TLS socket has none of its own and just ends. */
  reset(): void {
    if (this.socket instanceof TLSSocket) this.socket.destroy()
    else this.socket.resetAndDestroy()
  }

  close(): void {
    this.socket.destroy()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Resolves with the text when `ready` holds; rejects at the end of the connection or of the time. */
  async readUntil(ready: (text: string) => boolean, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<string> {
    const met = await this.waitFor(() => ready(this.text) || this.ended, timeoutMs)
    const text = this.text
    if (ready(text)) return text
    throw new Error(`${met ? 'connection ended' : `nothing in ${timeoutMs} ms`}; received ${JSON.stringify(text)}`)
  }

  /** Resolves true when the peer closed within the time. */
  waitClosed(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<boolean> {
    return this.waitFor(() => this.ended, timeoutMs)
  }

  /** Resolves true when `condition` holds after some event, false when the time is over. */
  waitFor(condition: () => boolean, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<boolean> {
    if (condition()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const check = () => {
        if (!condition()) return
        settle(true)
      }
      const timer = setTimeout(() => settle(false), timeoutMs)
      const settle = (met: boolean) => {
        clearTimeout(timer)
        this.#wakeups = this.#wakeups.filter((other) => other !== check)
        resolve(met)
      }
      this.#wakeups.push(check)
    })
  }

  /** Resolves when the peer closed, or sent nothing for `quietMs`; for showing that nothing more comes. */
  async waitQuiet(quietMs: number): Promise<void> {
    let left = quietMs
    while (left > 0 && !(await this.waitClosed(left))) {
      left = quietMs - (performance.now() - this.lastActivityMs)
    }
  }

  #wake(): void {
    this.lastActivityMs = performance.now()
    for (const wakeup of [...this.#wakeups]) wakeup()
  }
}
