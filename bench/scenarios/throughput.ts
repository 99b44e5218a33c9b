// Scenarios that ask how many requests, bytes or connections a second go through, and what CPU time they cost.

import { plainHttp, plainTcp, type Setup } from '../configs/setup.ts'
import type { Figure, Goal } from '../figure.ts'
import type { Load } from '../load.ts'
import { type Backend, type BackendMode, startBackend } from '../processes.ts'
import { type BenchOptions, inTurns, measureThroughput, pick, withProxies } from '../rounds.ts'
import type { Scenario } from './scenario.ts'

interface ThroughputScenario {
  readonly name: string
  readonly title: string
  readonly setup: Setup
  readonly backend?: BackendMode
  /** A rate limit service is asked for each request. */
  readonly isLimited?: boolean
  /** Of a response. */
  readonly bodyBytes?: number
  readonly load?: Partial<Load>
  /** What is counted: one a request, or the bytes of the bodies. */
  readonly counts?: 'requests' | 'connections' | 'messages' | 'bytes'
  readonly rateGoal?: number
  readonly cpuGoal?: number
}

const defaultBodyBytes = 128
const bulkBytes = 4 * 1024 * 1024
/** HTTP/2 clients share connections: as many requests at once as HTTP/1.1 has connections. */
const streamsPerConnection = 8
const http2Setup: Setup = { ...plainHttp, downstream: 'http2' }
const http2Both: Setup = { ...http2Setup, upstream: 'http2' }
const tlsSetup: Setup = { ...plainHttp, tls: 'resumable' }

const table: readonly ThroughputScenario[] = [
  { name: 'http1_keepalive', title: 'keep-alive GET', setup: plainHttp, rateGoal: 1.5, cpuGoal: 0.8 },
  {
    name: 'http1_access_log',
    title: 'keep-alive GET with a JSON access log of 15 operators',
    setup: { ...plainHttp, accessLog: true },
    rateGoal: 1.3,
  },
  {
    name: 'http1_64k_response',
    title: 'answers of 64 KiB',
    setup: plainHttp,
    bodyBytes: 65_536,
    rateGoal: 1,
  },
  {
    name: 'http1_16k_upload',
    title: 'uploads of 16 KiB',
    setup: plainHttp,
    backend: 'upload',
    load: { uploads: true },
    rateGoal: 1,
  },
  { name: 'tcp_small', title: 'tcp_proxy, small messages to and fro', setup: plainTcp, rateGoal: 1 },
  {
    name: 'tcp_bulk',
    title: 'tcp_proxy, bulk bytes to the client',
    setup: plainTcp,
    bodyBytes: bulkBytes,
    load: { connections: 8 },
    counts: 'bytes',
    rateGoal: 0.8,
  },
  {
    name: 'http1_new_connections',
    title: 'a connection for each request, HTTP',
    setup: plainHttp,
    load: { newConnections: true },
    counts: 'connections',
    rateGoal: 0.8,
  },
  {
    name: 'tcp_new_connections',
    title: 'a connection for each message, tcp_proxy',
    setup: plainTcp,
    backend: 'close',
    load: { newConnections: true },
    counts: 'connections',
    rateGoal: 0.8,
  },
  { name: 'http2_to_http1', title: 'HTTP/2 to HTTP/1.1', setup: http2Setup, rateGoal: 1.2 },
  { name: 'http2_to_http2', title: 'HTTP/2 to HTTP/2', setup: http2Both, backend: 'get', rateGoal: 1 },
  { name: 'tls_keepalive', title: 'keep-alive GET with TLS', setup: tlsSetup, rateGoal: 1.3 },
  {
    name: 'tls_new_connections',
    title: 'a connection for each request, TLS',
    setup: { ...plainHttp, tls: 'notResumable' },
    load: { newConnections: true },
    counts: 'connections',
    rateGoal: 0.7,
  },
  {
    name: 'tls_resumed_connections',
    title: 'a connection for each request, TLS, sessions resumed',
    setup: tlsSetup,
    load: { newConnections: true },
    counts: 'connections',
    rateGoal: 0.7,
  },
  {
    name: 'grpc_unary',
    title: 'gRPC, a message a call',
    setup: http2Both,
    backend: 'grpc',
    load: { protocol: 'grpc_unary' },
  },
  {
    name: 'grpc_streaming',
    title: 'gRPC, 1,000 messages a call to and fro',
    setup: http2Both,
    backend: 'grpc',
    load: { protocol: 'grpc_streaming' },
    counts: 'messages',
  },
  {
    name: 'rate_limit',
    title: 'keep-alive GET, a call of the rate limit service for each',
    setup: plainHttp,
    isLimited: true,
  },
]

export const throughputScenarios: readonly Scenario[] = table.map((scenario) => ({
  name: scenario.name,
  title: scenario.title,
  run: (options) => run(scenario, options),
}))

/** The load where a scenario says nothing else. */
export function defaultLoad(options: BenchOptions): Omit<Load, 'port'> {
  return {
    path: '/',
    connections: options.connections,
    seconds: options.seconds,
    uploads: false,
    newConnections: false,
    tls: false,
    protocol: 'http1',
    streams: 1,
    bodyBytes: defaultBodyBytes,
  }
}

function loadOf({ downstream, tls }: Setup, { connections }: BenchOptions): Partial<Load> {
  const load: Partial<Load> = { tls: tls !== 'none' }
  if (downstream === 'http1') return load
  const shared = Math.max(1, Math.round(connections / streamsPerConnection))
  return { ...load, protocol: 'http2', connections: shared, streams: streamsPerConnection }
}

/** The backend, and a service that ends with it. */
function behind(backend: Backend, service: Backend | undefined): Backend {
  return {
    port: backend.port,
    stop: async () => {
      await backend.stop()
      await service?.stop()
    },
  }
}

async function run(scenario: ThroughputScenario, options: BenchOptions): Promise<Figure[]> {
  const { bodyBytes = defaultBodyBytes, counts = 'requests' } = scenario
  const load = { ...defaultLoad(options), ...loadOf(scenario.setup, options), ...scenario.load, bodyBytes }
  const service = scenario.isLimited === true ? await startBackend('limits') : undefined
  const backend = behind(await startBackend(scenario.backend, bodyBytes), service)
  const setup: Setup = { ...scenario.setup, rateLimitPort: service?.port ?? 0 }
  const samples = await withProxies(options.proxies, setup, backend, async (proxies) => {
    const names = [...proxies.keys()]
    // The first run of each warms it up and does not count.
    for (const proxy of proxies.values()) await measureThroughput(proxy, load)
    return await inTurns(names, options.rounds, (name) => measureThroughput(proxies.get(name)!, load))
  })
  const bytes = counts === 'bytes'
  const rateGoal: Goal | undefined =
    scenario.rateGoal === undefined ? undefined : { of: 'ratio', atLeast: scenario.rateGoal }
  const cpuGoal: Goal | undefined =
    scenario.cpuGoal === undefined ? undefined : { of: 'ratio', atMost: scenario.cpuGoal }
  return [
    {
      name: bytes ? 'megabytes a second' : `${counts} a second`,
      unit: bytes ? 'MB/s' : '/s',
      samples: pick(samples, ({ perSecond }) => (bytes ? (perSecond * bodyBytes) / 1e6 : perSecond)),
      ...(rateGoal === undefined ? {} : { goal: rateGoal }),
    },
    {
      name: bytes ? 'CPU a gigabyte' : `CPU for 1,000 ${counts}`,
      unit: 's',
      samples: pick(samples, ({ cpuPerRequest }) => cpuPerRequest * (bytes ? 1e9 / bodyBytes : 1000)),
      ...(cpuGoal === undefined ? {} : { goal: cpuGoal }),
    },
  ]
}
