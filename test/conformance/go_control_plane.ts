/** Control planes written in Go with go-control-plane, a proxy that each drives, and a steady load on what they configure. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { IssuedCertificate } from '../support/certificate_authority.ts'
import { ensureGoProgram, ensureGoTool } from '../support/ensure_go_tool.ts'
import { freePorts, freeRange } from '../support/free_ports.ts'
import { type ProxyKind, type ProxyProcess, spawnProxy } from '../support/proxy_process.ts'
import { ListenerLoad, message } from './listener_load.ts'

export const modes = ['ads', 'xds', 'rest', 'delta', 'delta-ads'] as const
export type Mode = (typeof modes)[number]

export interface Outcome {
  readonly exitCode: number | null
  /** Of the control plane. */
  readonly output: string
  /** Of the steady load, from the first answer of each listener on. */
  readonly answered: number
  readonly failures: readonly string[]
  /** Of the proxy, when the control plane was done. */
  readonly stats: ReadonlyMap<string, number>
}

const runTimeoutMs = 60_000
const nodeId = 'test-id'

/** The paths of both programs; they are built where they are missing. */
export function ensureControlPlanes(): { testServer: string; rolling: string } {
  const testServer = { package: 'github.com/envoyproxy/go-control-plane/pkg/test/main', version: 'v0.14.0' }
  return {
    testServer: ensureGoTool({ ...testServer, hasReplacements: true }),
    rolling: ensureGoProgram(join(import.meta.dirname, 'rolling_control_plane')),
  }
}

/**
 * go-control-plane's own test server; with `tls` all its listeners have secrets by SDS. It sends requests of its own, and
 * gives each a tenth of a second: there is no other load beside them.
 */
export function runTestServer(kind: ProxyKind, mode: Mode, tls: boolean, updates: number): Promise<Outcome> {
  const flags = { message, tls, u: updates, r: 10, delay: '300ms' }
  // Two of each kind, of VHDS only where the server has it.
  const listenerCount = mode === 'delta' ? 8 : 6
  return run(kind, mode, ensureControlPlanes().testServer, { flags, listenerCount, tlsOfLoad: [] })
}

/** The one that moves traffic from cluster to cluster without a gap, and from certificate to certificate. */
export function runRolling(kind: ProxyKind, mode: Mode, certificates: readonly IssuedCertificate[]): Promise<Outcome> {
  const certs = certificates.map(({ certPath }) => certPath).join(',')
  const keys = certificates.map(({ keyPath }) => keyPath).join(',')
  const flags = { certs, keys, u: 4, delay: mode === 'rest' ? '900ms' : '400ms' }
  return run(kind, mode, ensureControlPlanes().rolling, {
    flags,
    listenerCount: 4,
    tlsOfLoad: [false, true, false, false],
  })
}

interface RunPlan {
  readonly flags: Record<string, string | number | boolean>
  readonly listenerCount: number
  /** Of the listeners under load, from the first port on: whether they speak TLS. */
  readonly tlsOfLoad: readonly boolean[]
}

async function run(
  kind: ProxyKind,
  mode: Mode,
  program: string,
  { flags, listenerCount, tlsOfLoad }: RunPlan,
): Promise<Outcome> {
  const backend = createServer((_, response) => response.end(message)).listen(0, '127.0.0.1')
  await once(backend, 'listening')
  const [port, gateway, als] = await freePorts(3)
  const base = await freeRange(listenerCount)
  const upstream = (backend.address() as AddressInfo).port
  const server = startServer(program, { xds: mode, nodeID: nodeId, ...flags, port, gateway, base, upstream, als })
  const proxy = spawnProxy(kind, bootstrap(mode, { port, gateway, als }), ['--drain-time-s', '1', '-l', 'error'])
  const load = tlsOfLoad.map((isTls, i) => new ListenerLoad(base + i, isTls))
  try {
    for (const one of load) one.start()
    const exitCode = await exitOf(server.child)
    const stats = await statsOf(proxy, server.output)
    await Promise.all(load.map((one) => one.stop()))
    const answered = load.reduce((sum, one) => sum + one.answered, 0)
    return { exitCode, output: server.output(), answered, failures: load.flatMap((one) => one.failures), stats }
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
  program: string,
  flags: Record<string, string | number | boolean>,
): { child: ChildProcess; output: () => string } {
  const args = Object.entries(flags).map(([name, value]) => `-${name}=${value}`)
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
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
