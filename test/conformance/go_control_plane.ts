/** go-control-plane's own test server with a proxy that it drives, and a steady load on the listeners that it pushes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer, request, type Server } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { ensureGoTool } from '../support/ensure_go_tool.ts'
import { type ProxyKind, type ProxyProcess, spawnProxy } from '../support/proxy_process.ts'

export const goControlPlane = {
  package: 'github.com/envoyproxy/go-control-plane/pkg/test/main',
  version: 'v0.14.0',
  hasReplacements: true,
}

export const modes = ['ads', 'xds', 'rest', 'delta', 'delta-ads'] as const
export type Mode = (typeof modes)[number]

export interface GoControlPlaneRun {
  readonly mode: Mode
  /** Listeners with TLS, their secrets by SDS. */
  readonly tls?: boolean
  readonly updates?: number
  /** Batches of requests that the server itself sends after each update. */
  readonly batches?: number
}

export interface Batch {
  readonly update: number
  readonly ok: number
  readonly failed: number
}

export interface Outcome {
  readonly exitCode: number | null
  readonly output: string
  /** What the server saw of its own requests. */
  readonly batches: readonly Batch[]
  /** Of the steady load, from the first answer of each listener on. */
  readonly answered: number
  readonly failures: readonly string[]
  readonly stats: ReadonlyMap<string, number>
}

const message = 'served by the test backend'
const requestTimeoutMs = 5000
const pauseMs = 10
const runTimeoutMs = 60_000
const nodeId = 'test-id'

/** Those that each run has: two of each kind, of VHDS only where the server has it. */
function listenerCount(mode: Mode): number {
  return mode === 'delta' ? 8 : 6
}

export async function runGoControlPlane(kind: ProxyKind, run: GoControlPlaneRun): Promise<Outcome> {
  const backend = createHttpServer((_, response) => response.end(message))
  backend.listen(0, '127.0.0.1')
  await once(backend, 'listening')
  const [port, gateway, als] = await freePorts(3)
  const base = await freeRange(listenerCount(run.mode))
  const server = startServer(run, { port, gateway, als, base, upstream: portOf(backend) })
  const proxy = spawnProxy(kind, bootstrap(run.mode, { port, gateway, als }), ['--drain-time-s', '1', '-l', 'error'])
  const load = Array.from({ length: listenerCount(run.mode) }, (_, i) => new ListenerLoad(base + i, run.tls ?? false))
  try {
    for (const one of load) one.start()
    const exitCode = await exitOf(server.child)
    const stats = await statsOf(proxy, server.output)
    await Promise.all(load.map((one) => one.stop()))
    return {
      exitCode,
      output: server.output(),
      batches: readBatches(server.output()),
      answered: load.reduce((sum, one) => sum + one.answered, 0),
      failures: load.flatMap((one) => one.failures),
      stats,
    }
  } finally {
    server.child.kill('SIGKILL')
    await Promise.all(load.map((one) => one.stop()))
    await proxy.stop()
    backend.close()
    backend.closeAllConnections()
  }
}

interface ServerPorts {
  readonly port: number
  readonly gateway: number
  readonly als: number
}

function startServer(
  { mode, tls = false, updates = 4, batches = 4 }: GoControlPlaneRun,
  ports: ServerPorts & { readonly base: number; readonly upstream: number },
): { child: ChildProcess; output: () => string } {
  const flags = {
    ...{ xds: mode, nodeID: nodeId, message, tls, u: updates, r: batches, delay: '300ms' },
    ...ports,
  }
  const args = Object.entries(flags).map(([name, value]) => `-${name}=${value}`)
  const child = spawn(ensureGoTool(goControlPlane), args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  return { child, output: () => output }
}

function bootstrap(mode: Mode, ports: ServerPorts): string {
  const isAds = mode === 'ads' || mode === 'delta-ads'
  const apiType = { ads: 'GRPC', xds: 'GRPC', rest: 'REST', delta: 'DELTA_GRPC', 'delta-ads': 'DELTA_GRPC' }[mode]
  const grpc = `api_type: ${apiType}, transport_api_version: V3, grpc_services: [ { envoy_grpc: { cluster_name: xds_cluster } } ]`
  const rest = 'api_type: REST, transport_api_version: V3, cluster_names: [ xds_cluster ], refresh_delay: 0.2s'
  const api = mode === 'rest' ? `{ ${rest} }` : `{ ${grpc}, set_node_on_first_message_only: true }`
  const source = isAds
    ? '{ resource_api_version: V3, ads: {} }'
    : `{ resource_api_version: V3, api_config_source: ${api} }`
  const cluster = (name: string, port: number, isHttp2: boolean) => `
  - name: ${name}
    connect_timeout: 1s
    ${isHttp2 ? http2Options : ''}
    load_assignment:
      cluster_name: ${name}
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } }`
  return `
node: { id: ${nodeId}, cluster: test-cluster }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
dynamic_resources:
  ${isAds ? `ads_config: ${api}` : ''}
  cds_config: ${source}
  lds_config: ${source}
layered_runtime:
  layers:
  - { name: runtime-0, rtds_layer: { name: runtime-0, rtds_config: ${source} } }
static_resources:
  clusters: ${cluster('xds_cluster', mode === 'rest' ? ports.gateway : ports.port, mode !== 'rest')}
  ${cluster('als_cluster', ports.als, true).trimStart()}
`
}

const http2Options = `typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }`

/** Asks one listener again and again, each time on a new connection. */
class ListenerLoad {
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

/** The server is gone when this is asked, but the proxy goes on. */
async function statsOf(proxy: ProxyProcess, output: () => string): Promise<Map<string, number>> {
  await proxy.waitReady().catch((error: Error) => {
    throw new Error(`${error.message}\nThe server said:\n${output()}`)
  })
  return proxy.stats()
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  const timer = setTimeout(() => child.kill('SIGKILL'), runTimeoutMs)
  if (child.exitCode === null) await once(child, 'exit')
  clearTimeout(timer)
  return child.exitCode
}

function readBatches(output: string): Batch[] {
  const batches: Batch[] = []
  let update = -1
  for (const line of output.split('\n')) {
    if (line.includes('update snapshot')) update += 1
    const match = /request batch \d+, ok (\d+), failed (\d+)/.exec(line)
    if (match !== null) batches.push({ update, ok: Number(match[1]), failed: Number(match[2]) })
  }
  return batches
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map(portOf)
  await closeAll(servers)
  return ports
}

/** The server takes one port and counts upwards. */
async function freeRange(count: number): Promise<number> {
  for (;;) {
    const [base] = await freePorts(1)
    const servers = Array.from({ length: count }, (_, i) => createServer().listen(base + i, '127.0.0.1'))
    const results = await Promise.allSettled(servers.map((server) => once(server, 'listening')))
    await closeAll(servers.filter((_, i) => results[i].status === 'fulfilled'))
    if (results.every(({ status }) => status === 'fulfilled') && base + count < 65_536) return base
  }
}

function portOf(server: Pick<Server, 'address'>): number {
  return (server.address() as AddressInfo).port
}

async function closeAll(servers: readonly ReturnType<typeof createServer>[]): Promise<void> {
  await Promise.all(
    servers.map((server) => {
      const closed = once(server, 'close')
      server.close()
      return closed
    }),
  )
}
