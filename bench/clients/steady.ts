// One request after the other at a fixed pace on a kept connection: how long each took, for as long as it is wanted.

import { Agent, request } from 'node:http'

const paceMs = 5

export interface Answer {
  readonly status: number
  readonly bodyBytes: number
}

/** Asks once. `cluster` goes into the header `x-cluster`. */
export function ask(port: number, path: string, cluster: string, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = cluster === '' ? {} : { 'x-cluster': cluster }
    const sent = request({ host: '127.0.0.1', port, path, agent, headers }, (response) => {
      let bodyBytes = 0
      response.on('data', (chunk: Buffer) => {
        bodyBytes += chunk.length
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bodyBytes }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

export class SteadyClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #latenciesMs: number[] = []
  readonly #ended: Promise<void>
  #isStopped = false

  constructor(port: number, cluster: string) {
    this.#ended = this.#run(port, cluster)
  }

  /** The latencies in order; throws where an answer was not 200. */
  async stop(): Promise<readonly number[]> {
    this.#isStopped = true
    await this.#ended
    this.#agent.destroy()
    return this.#latenciesMs
  }

  async #run(port: number, cluster: string): Promise<void> {
    while (!this.#isStopped) {
      const startedAt = performance.now()
      const { status } = await ask(port, '/', cluster, this.#agent)
      if (status !== 200) throw new Error(`a request to ${cluster} was answered with ${status}`)
      this.#latenciesMs.push(performance.now() - startedAt)
      await new Promise((resolve) => setTimeout(resolve, paceMs))
    }
  }
}

/** The least value that a share of all do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}
