/** A steady load on one listener: what it answers, and every request that it does not answer as it should. */
import { request } from 'node:http'
import { request as tlsRequest } from 'node:https'

export const message = 'served by the test backend'
const requestTimeoutMs = 5000
const pauseMs = 20

/** Asks one listener again and again, each time on a new connection. */
export class ListenerLoad {
  answered = 0
  readonly failures: string[] = []
  readonly #port: number
  readonly #isTls: boolean
  #isStopped = false
  #done: Promise<void> | undefined

  constructor(port: number, isTls: boolean) {
    this.#port = port
    this.#isTls = isTls
  }

  start(): void {
    this.#done = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#done
  }

  async #run(): Promise<void> {
    const started = performance.now()
    while (!this.#isStopped) {
      const problem = await this.#ask()
      if (problem === undefined) this.answered += 1
      else if (this.answered > 0)
        this.failures.push(`port ${this.#port} after ${Math.round(performance.now() - started)} ms: ${problem}`)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  #ask(): Promise<string | undefined> {
    const options = { host: '127.0.0.1', port: this.#port, agent: false, timeout: requestTimeoutMs }
    return new Promise((resolve) => {
      const sent = this.#isTls ? tlsRequest({ ...options, rejectUnauthorized: false }) : request(options)
      sent.on('response', (response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString()
        })
        response.on('error', (error) => resolve(error.message))
        response.on('end', () => resolve(body === message ? undefined : `${response.statusCode} ${body}`))
      })
      sent.on('timeout', () => sent.destroy(new Error(`no answer in ${requestTimeoutMs} ms`)))
      sent.on('error', (error) => resolve(error.message))
      sent.end()
    })
  }
}
