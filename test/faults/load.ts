/** Clients that send one request after the other and come back when their connection breaks. */
import { RawClient } from '../support/raw_client.ts'

const body = 'ok'

export class Load {
  readonly #port: number
  readonly #loops: Promise<void>[] = []
  /** Paths of the requests whose whole response came. */
  readonly answered: string[] = []
  /** Responses with another status than 200. */
  readonly odd: string[] = []
  /** Connections that ended, or were refused, with a request to send or under way. */
  broken = 0
  #stopping = false
  #next = 1

  constructor(port: number, clients: number) {
    this.#port = port
    for (let i = 0; i < clients; i++) this.#loops.push(this.#loop())
  }

  /** Resolves when that many more requests are answered. */
  async progress(requests: number): Promise<void> {
    const goal = this.answered.length + requests
    const deadline = performance.now() + 15_000
    while (this.answered.length < goal) {
      if (performance.now() > deadline) throw new Error(`${this.answered.length} of ${goal} requests were answered`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  /** Ends after the requests that are under way. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#loops)
  }

  async #loop(): Promise<void> {
    while (!this.#stopping) {
      const client = await RawClient.connect(this.#port).catch(() => undefined)
      if (client === undefined) {
        // Nobody listens any more: only right where the test has ended the proxy.
        this.broken++
        return
      }
      await this.#requests(client)
      client.close()
    }
  }

  async #requests(client: RawClient): Promise<void> {
    for (let received = 0; !this.#stopping; ) {
      const path = `/${this.#next++}`
      client.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      const whole = () => client.receivedBytes > received && client.text.endsWith(`\r\n\r\n${body}`)
      await client.waitFor(() => whole() || client.ended)
      if (!whole()) {
        this.broken++
        return
      }
      const response = client.text.slice(received)
      received = client.receivedBytes
      if (response.startsWith('HTTP/1.1 200')) this.answered.push(path)
      else this.odd.push(response)
    }
  }
}
