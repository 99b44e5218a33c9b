/** One request after the other, each on a connection of its own. */
import { RawClient } from '../support/raw_client.ts'

const answerTimeoutMs = 10_000
const pauseMs = 2

export class NewConnectionsClient {
  answered = 0
  readonly failures: string[] = []
  readonly #port: number
  readonly #ended: Promise<void>
  #isStopped = false

  constructor(port: number) {
    this.#port = port
    this.#ended = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#ended
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const problem = await this.#ask().catch((error: Error) => error.message)
      if (problem === undefined) this.answered++
      else this.failures.push(`new connection: ${problem}`)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  async #ask(): Promise<string | undefined> {
    const client = await RawClient.connect(this.#port)
    try {
      client.write('GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n')
      await client.waitFor(() => client.ended, answerTimeoutMs)
      return client.text.startsWith('HTTP/1.1 200 ') ? undefined : `answer ${JSON.stringify(client.text)}`
    } finally {
      client.close()
    }
  }
}
