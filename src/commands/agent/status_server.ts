// The agent's own port: readiness, merged metrics, application probes.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { getLogger } from '../../common/log.ts'
import type { Admin } from './admin.ts'
import { type ApplicationProbes, runProbe } from './application_probes.ts'
import { type ApplicationMetrics, mergedMetrics } from './metrics.ts'
import { unreadiness } from './readiness.ts'

const log = getLogger('main')

export interface StatusServerParts {
  readonly admin: Admin
  readonly hasDiscovery: boolean
  readonly applicationMetrics: ApplicationMetrics | undefined
  readonly probes: ApplicationProbes
  /** Whoever sends requests here should stop that. */
  isDraining(): boolean
  quit(): void
}

interface Answer {
  readonly status: number
  readonly body: string
}

export class StatusServer {
  readonly #parts: StatusServerParts
  readonly #server: Server

  constructor(parts: StatusServerParts) {
    this.#parts = parts
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port)
    await once(this.#server, 'listening')
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer
    try {
      answer = await this.#answer(request)
    } catch (error) {
      log.error(`status request ${request.url}: ${(error as Error).stack}`)
      answer = { status: 500, body: 'internal error\n' }
    }
    response.writeHead(answer.status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(answer.body)
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const path = (request.url ?? '/').replace(/[?#].*$/s, '')
    const probe = this.#parts.probes.get(path)
    if (probe !== undefined) return { status: await runProbe(probe), body: '' }
    switch (path) {
      case '/healthz/ready':
        return this.#readiness()
      case '/stats/prometheus':
        return { status: 200, body: await this.#metrics(request) }
      case '/quitquitquit':
        return this.#quit(request)
      default:
        return { status: 404, body: 'there are /healthz/ready, /stats/prometheus and /quitquitquit\n' }
    }
  }

  async #readiness(): Promise<Answer> {
    const { admin, hasDiscovery, isDraining } = this.#parts
    const reason = isDraining() ? 'draining' : await unreadiness(admin, hasDiscovery)
    return reason === undefined ? { status: 200, body: 'ready\n' } : { status: 503, body: `${reason}\n` }
  }

  #metrics({ headers }: IncomingMessage): Promise<string> {
    const { admin, applicationMetrics } = this.#parts
    const passed: Record<string, string> = headers.accept === undefined ? {} : { accept: headers.accept }
    return mergedMetrics(admin, applicationMetrics, passed, (whose, reason) =>
      log.warn(`metrics of ${whose} are missing: ${reason}`),
    )
  }

  /** Only who is in the pod may end it. */
  #quit({ method, socket }: IncomingMessage): Answer {
    if (method !== 'POST') return { status: 405, body: 'POST is required\n' }
    const isLocal = /^(?:::ffff:)?127\.|^::1$/.test(socket.remoteAddress ?? '')
    if (!isLocal) return { status: 403, body: 'only requests from this machine are allowed\n' }
    setImmediate(() => this.#parts.quit())
    return { status: 200, body: 'OK\n' }
  }
}
