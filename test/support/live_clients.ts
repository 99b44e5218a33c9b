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

/** One request after the other on one connection for as long as the proxy keeps it, then on the next. */
export class KeepAliveClient implements LiveClient {
  answered = 0
  readonly failures: string[] = []
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #ended: Promise<void>
  #isStopped = false

  constructor(port: number) {
    this.#port = port
    this.#ended = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#ended
    this.#agent.destroy()
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const problem = await this.#ask()
      if (problem === undefined) this.answered++
      else this.failures.push(problem)
      await pause()
    }
  }

  #ask(): Promise<string | undefined> {
    const path = `/${this.answered}`
    return new Promise((resolve) => {
      const sent = request({ host: '127.0.0.1', port: this.#port, agent: this.#agent, path }, (response) => {
        response.resume()
        response.on('error', (error) => resolve(`${path}: ${error.message}`))
        response.on('end', () => resolve(response.statusCode === 200 ? undefined : `${path}: ${response.statusCode}`))
      })
      sent.setTimeout(requestTimeoutMs, () => sent.destroy(new Error(`no answer in ${requestTimeoutMs} ms`)))
      sent.on('error', (error) => resolve(`${path}${sent.reusedSocket ? ' (kept connection)' : ''}: ${error.message}`))
      sent.end()
    })
  }
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
