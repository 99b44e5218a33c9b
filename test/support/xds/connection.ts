/** A client's connection to a control plane, which a test can hold still, spoil or cut at any byte. */
import type { Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'

export class ControlPlaneConnection {
  readonly socket: Socket
  /** What the HTTP/2 server reads and writes. */
  readonly inner: Duplex
  readonly #outer: Duplex
  /** How many more bytes the client gets; then the connection is cut. */
  #bytesLeft = Number.POSITIVE_INFINITY
  #held: Buffer[] | undefined

  constructor(socket: Socket) {
    this.socket = socket
    const [inner, outer] = duplexPair()
    this.inner = inner
    this.#outer = outer
    socket.on('data', (chunk) => {
      if (!outer.write(chunk)) {
        socket.pause()
        outer.once('drain', () => socket.resume())
      }
    })
    outer.on('data', (chunk: Buffer) => this.#toClient(chunk))
    socket.on('end', () => outer.end())
    outer.on('end', () => socket.end())
    const destroy = () => {
      outer.destroy()
      inner.destroy()
      socket.destroy()
    }
    for (const side of [socket, outer, inner]) {
      side.on('error', destroy)
      side.on('close', destroy)
    }
  }

  get closed(): boolean {
    return this.socket.destroyed
  }

  /** Lets that many bytes more through to the client, then closes the connection. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes
  }

  /** What is sent from now on stays here: the client sees silence on a connection that is up. */
  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const chunk of held) this.#toClient(chunk)
  }

  /** Bytes that are no HTTP/2. */
  writeGarbage(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  /** Without a word; a TCP connection by RST. */
  reset(): void {
    if (this.socket.remoteAddress === undefined) this.socket.destroy()
    else this.socket.resetAndDestroy()
  }

  /** FIN, without a GOAWAY before it. */
  finish(): void {
    this.socket.end()
  }

  #toClient(chunk: Buffer): void {
    if (this.#held !== undefined) {
      this.#held.push(chunk)
      return
    }
    if (chunk.length < this.#bytesLeft) {
      this.#bytesLeft -= chunk.length
      if (this.socket.writable && !this.socket.write(chunk)) {
        this.#outer.pause()
        this.socket.once('drain', () => this.#outer.resume())
      }
      return
    }
    if (this.#bytesLeft > 0) this.socket.write(chunk.subarray(0, this.#bytesLeft))
    this.#bytesLeft = 0
    this.socket.destroySoon()
  }
}
