// Questions to the proxy's admin interface.

const answerTimeoutMs = 3000

/** The proxy is not there, or says nothing. */
export class AdminError extends Error {}

export class Admin {
  readonly #base: string

  constructor(port: number) {
    this.#base = `http://127.0.0.1:${port}`
  }

  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.#ask(path, { headers })
  }

  async post(path: string): Promise<Response> {
    return this.#ask(path, { method: 'POST' })
  }

  /** Counters and gauges whose names match. */
  async stats(pattern: string): Promise<Map<string, number>> {
    const text = await (await this.get(`/stats?usedonly&filter=${encodeURIComponent(pattern)}`)).text()
    const lines = [...text.matchAll(/^(.+): (\d+)$/gm)]
    return new Map(lines.map(([, name, value]) => [name, Number(value)]))
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(this.#base + path, { ...init, signal: AbortSignal.timeout(answerTimeoutMs) })
    } catch (error) {
      const { message, cause } = error as Error
      throw new AdminError(`the admin interface does not answer: ${cause instanceof Error ? cause.message : message}`)
    }
  }
}
