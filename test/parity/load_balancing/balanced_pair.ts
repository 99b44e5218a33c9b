/** Both proxies over the same backends, to compare which host each chooses. */
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Condition } from '../../support/condition.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../../support/proxy_process.ts'
import { proxyPair } from '../define_suite.ts'
import { bootstrap, httpListener, indent, routes } from '../yaml.ts'

/** A cluster `name`, reached by the path `/name`. */
export interface BalancedCluster {
  readonly name: string
  /** One line a locality: `endpoints` list items of the load assignment, from `locality` or by hand. */
  readonly endpoints: string
  /** Fields of the cluster, at column 0. */
  readonly cluster: string
  /** Fields of the route action, at column 0; by default the hash is of the header x-key. */
  readonly route?: string
  /** `policy` of the load assignment, in flow style. */
  readonly policy?: string
  /** The request's path stands for the cluster's part of another's: no cluster of its own is made. */
  readonly routeOnly?: boolean
}

export interface Answer {
  readonly status: number
  /** Number of the backend, or the body of an answer that is the proxy's own. */
  readonly from: string
  readonly cookies: readonly string[]
}

export const HASH_BY_KEY = 'hash_policy: [ { header: { header_name: x-key } } ]'

/** One backend as `lb_endpoints` item; `more` is in flow style. */
export function endpoint(backend: number, more = '', hostname = ''): string {
  const address = `{ socket_address: { address: 127.0.0.1, port_value: {{backend:${backend}}} } }`
  const name = hostname === '' ? '' : `, hostname: ${hostname}`
  return `{ endpoint: { address: ${address}${name} }${more === '' ? '' : `, ${more}`} }`
}

/** A locality with its endpoints. */
export function locality(endpoints: readonly string[], more = ''): string {
  return `- { ${more === '' ? '' : `${more}, `}lb_endpoints: [ ${endpoints.join(', ')} ] }`
}

/** A report by which a backend of a higher number can do more. */
function load(number: number): string {
  return `TEXT rps_fractional=${100 * (number + 1)},application_utilization=0.5,cpu_utilization=0.9`
}

/** Answers with its number; a request with x-hold waits until it is let go, one with x-load is told the load. */
class NumberedBackend {
  readonly server: Server
  readonly held: ServerResponse[] = []
  readonly #onHeld: () => void

  constructor(number: number, onHeld: () => void) {
    this.#onHeld = onHeld
    this.server = createServer((incoming, response) => this.#answer(number, incoming, response))
    this.server.keepAliveTimeout = 60_000
  }

  #answer(number: number, incoming: IncomingMessage, response: ServerResponse): void {
    const hold = incoming.headers['x-hold']
    response.setHeader('x-backend', number)
    if (incoming.headers['x-load'] !== undefined) response.setHeader('endpoint-load-metrics', load(number))
    if (hold === undefined) {
      response.end(String(number))
      return
    }
    this.held.push(response)
    this.#onHeld()
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  release(): void {
    for (const response of this.held.splice(0)) response.end('held')
  }
}

export class BalancedPair {
  readonly kinds = proxyPair()
  readonly #backends: readonly NumberedBackend[]
  readonly #proxies: readonly ProxyProcess[]
  readonly #agents = this.kinds.map(() => new Agent({ keepAlive: true, maxSockets: 64 }))

  readonly #held: Condition

  private constructor(backends: readonly NumberedBackend[], proxies: readonly ProxyProcess[], held: Condition) {
    this.#backends = backends
    this.#held = held
    this.#proxies = proxies
  }

  static async start(count: number, clusters: readonly BalancedCluster[], more = ''): Promise<BalancedPair> {
    const held = new Condition()
    const backends = Array.from({ length: count }, (_, i) => new NumberedBackend(i, () => held.wake()))
    for (const { server } of backends) await once(server.listen(0, '127.0.0.1'), 'listening')
    const yaml = yamlOf(clusters, more).replaceAll(/\{\{backend:(\d+)\}\}/g, (_, i) => String(backends[i].port))
    const proxies: ProxyProcess[] = []
    for (const kind of proxyPair()) proxies.push(await startProxy(kind, yaml, ['-l', 'error']))
    return new BalancedPair(backends, proxies, held)
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents) agent.destroy()
    for (const proxy of this.#proxies) await proxy.stop()
    for (const { server } of this.#backends) {
      server.closeAllConnections()
      server.close()
    }
  }

  get backendPorts(): number[] {
    return this.#backends.map(({ port }) => port)
  }

  stats(which: number, filter: string): Promise<Map<string, number>> {
    return this.#proxies[which].stats(filter)
  }

  send(which: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
    const port = this.#proxies[which].port('main')
    return new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, headers, agent: this.#agents[which] }, (response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString()
        })
        response.on('end', () => {
          const from = String(response.headers['x-backend'] ?? body)
          resolve({ status: response.statusCode ?? 0, from, cookies: response.headers['set-cookie'] ?? [] })
        })
      })
      sent.on('error', reject)
      sent.end()
    })
  }

  /** Where requests go whose answers are held back, one after another. */
  async hold(which: number, path: string, headers: readonly Record<string, string>[]): Promise<number[]> {
    const order: number[] = []
    const answers: Promise<Answer>[] = []
    for (const each of headers) {
      const before = this.#heldCounts()
      const arrived = (): number => this.#heldCounts().findIndex((count, i) => count > before[i])
      answers.push(this.send(which, path, { ...each, 'x-hold': '1' }))
      await this.#held.until(
        () => arrived() >= 0,
        5000,
        () => `no backend has request ${order.length}`,
      )
      order.push(arrived())
    }
    for (const backend of this.#backends) backend.release()
    await Promise.all(answers)
    return order
  }

  #heldCounts(): number[] {
    return this.#backends.map(({ held }) => held.length)
  }
}

/** The kinds of the pair with their place in it. */
export function eachKind<T>(pair: BalancedPair, run: (which: number, kind: ProxyKind) => Promise<T>): Promise<T[]> {
  return Promise.all(pair.kinds.map((kind, which) => run(which, kind)))
}

function yamlOf(clusters: readonly BalancedCluster[], more: string): string {
  const routeList = clusters.map(
    ({ name, route = HASH_BY_KEY, routeOnly }) => `
- match: { path_separated_prefix: /${name} }
  route:
${indent(routeOnly === true ? route : `cluster: ${name}\n${route}`, 4)}
`,
  )
  const listener = httpListener({
    name: 'main',
    virtualHosts: routes(routeList.map((text) => indent(text, 0)).join('\n')),
  })
  const own = clusters.filter(({ routeOnly }) => routeOnly !== true)
  return bootstrap([listener], own.map(clusterYaml), more)
}

function clusterYaml({ name, endpoints, cluster, policy }: BalancedCluster): string {
  const assignment = `  load_assignment:
    cluster_name: ${name}
    policy: ${policy ?? '{}'}
    endpoints:
${indent(endpoints, 4)}`
  return `
- name: ${name}
  connect_timeout: 2s
${indent(cluster, 2)}
${endpoints === '' ? '' : assignment}
`
}
