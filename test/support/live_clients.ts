/** Clients that stay while a proxy's configuration changes: requests on kept connections, and streams that never end. */
import { Agent, request } from 'node:http'
import { RawClient } from './raw_client.ts'

const requestTimeoutMs = 10_000
/** Between two requests: what is looked for is what fails, not what is fast. */
const pauseMs = 2

/** What of the load a test looks at. */
export interface LiveClient {
  /** Requests, or messages that came back. */
  readonly answered: number
  readonly failures: readonly string[]
  stop(): Promise<void>
}

/** Asks again and again; `ask` tells what was wrong, or undefined. */
class Asking implements LiveClient {
  answered = 0
  readonly failures: string[] = []
  readonly #ended: Promise<void>
  readonly #onStopped: () => void
  #isStopped = false

  constructor(ask: (answered: number) => Promise<string | undefined>, onStopped = (): void => {}) {
    this.#onStopped = onStopped
    this.#ended = this.#run(ask)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#ended
    this.#onStopped()
  }

  async #run(ask: (answered: number) => Promise<string | undefined>): Promise<void> {
    while (!this.#isStopped) {
      const problem = await ask(this.answered)
      if (problem === undefined) this.answered++
      else this.failures.push(problem)
      await pause()
    }
  }
}

/** One request after the other on one connection for as long as the proxy keeps it, then on the next. */
export function keepAliveClient(port: number): LiveClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (answered: number): Promise<string | undefined> => {
    const path = `/${answered}`
    return new Promise((resolve) => {
      const sent = request({ host: '127.0.0.1', port, agent, path }, (response) => {
        response.resume()
        response.on('error', (error) => resolve(`${path}: ${error.message}`))
        response.on('end', () => resolve(response.statusCode === 200 ? undefined : `${path}: ${response.statusCode}`))
      })
      sent.setTimeout(requestTimeoutMs, () => sent.destroy(new Error(`no answer in ${requestTimeoutMs} ms`)))
      sent.on('error', (error) => resolve(`${path}${sent.reusedSocket ? ' (kept connection)' : ''}: ${error.message}`))
      sent.end()
    })
  }
  return new Asking(ask, () => agent.destroy())
}

/** One request after the other, each on a connection of its own. */
export function newConnectionsClient(port: number): LiveClient {
  const ask = async (): Promise<string | undefined> => {
    const client = await RawClient.connect(port)
    try {
      client.write('GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n')
      await client.waitFor(() => client.ended, requestTimeoutMs)
      return client.text.startsWith('HTTP/1.1 200 ')
        ? undefined
        : `new connection: answer ${JSON.stringify(client.text)}`
    } finally {
      client.close()
    }
  }
  return new Asking(() => ask().catch((error: Error) => `new connection: ${error.message}`))
}

/** Messages to a peer that echoes them, one at a time on the one connection. */
export class EchoClient implements LiveClient {
  answered = 0
  readonly failures: string[] = []
  readonly #client: RawClient
  readonly #ended: Promise<void>
  #isStopped = false

  private constructor(client: RawClient) {
    this.#client = client
    this.#ended = this.#run()
  }

  static async tcp(port: number): Promise<EchoClient> {
    return new EchoClient(await RawClient.connect(port))
  }

  /** Frames do not matter to who forwards them: after the upgrade any bytes go both ways. */
  static async webSocket(port: number): Promise<EchoClient> {
    const client = await RawClient.connect(port)
    client.write('GET /socket HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    await client.readUntil((text) => text.startsWith('HTTP/1.1 101 ') && text.endsWith('\r\n\r\n'))
    return new EchoClient(client)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#ended
    this.#client.close()
  }

  async #run(): Promise<void> {
    while (!this.#isStopped && this.failures.length === 0) {
      const before = this.#client.receivedBytes
      const message = `message ${this.answered}\n`
      this.#client.write(message)
      const isThere = (): boolean => this.#client.receivedBytes >= before + message.length
      await this.#client.waitFor(() => isThere() || this.#client.ended, requestTimeoutMs)
      if (isThere()) this.answered++
      else this.failures.push(`${message.trim()}: ${this.#client.ended ? 'the connection ended' : 'nothing came back'}`)
      await pause()
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pauseMs))
}
