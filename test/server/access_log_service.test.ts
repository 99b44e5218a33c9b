import { afterEach, expect, test } from 'vitest'
import { ConfigErrors } from '../../src/config/errors.ts'
import { loadBootstrap } from '../../src/config/load.ts'
import type { Server } from '../../src/server/server.ts'
import { validateBootstrap } from '../../src/server/validate.ts'
import { AccessLogService } from '../support/access_log_service.ts'
import { freePorts } from '../support/free_ports.ts'
import { httpRequest } from '../support/http_get.ts'
import { optionsOf, portOf, registryOfAll, startServer, statOf, until } from './support.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const hcm = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const router = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'
const grpcLog = 'type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig'

/** `fields` of the common configuration, a line each. */
function yamlWith(port: number, fields: readonly string[], clusterName = 'als'): string {
  return `
node: { id: some_node, cluster: c }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  clusters:
  - name: als
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
    load_assignment:
      cluster_name: als
      endpoints:
      - lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } } ]
  listeners:
  - name: l
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": ${hcm}
          stat_prefix: h
          access_log:
          - name: als
            typed_config:
              "@type": ${grpcLog}
              common_config:
                log_name: requests
                transport_api_version: V3
                grpc_service: { envoy_grpc: { cluster_name: ${clusterName} } }
                ${fields.join('\n                ')}
          http_filters: [ { name: router, typed_config: { "@type": ${router} } } ]
          route_config:
            virtual_hosts:
            - { name: v, domains: ["*"], routes: [ { match: { prefix: / }, direct_response: { status: 200 } } ] }
`
}

async function startService(port?: number): Promise<AccessLogService> {
  const service = await AccessLogService.start(port)
  stops.push(() => service.stop())
  return service
}

async function serverFor(port: number, ...fields: string[]): Promise<Server> {
  const server = await startServer(yamlWith(port, fields), '--concurrency', '1')
  stops.push(() => server.stop())
  return server
}

async function ask(server: Server, path: string, headers: Record<string, string> = {}): Promise<void> {
  const { status } = await httpRequest(`127.0.0.1:${portOf(server, 'l')}`, path, 'GET', 5000, headers)
  expect(status).toBe(200)
}

const pathsOf = (service: AccessLogService) =>
  service.entries.map((entry) => (entry['request'] as { path: string } | undefined)?.path)

test('entries go in one message when they fill the buffer, and the first says who sends', async () => {
  const service = await startService()
  const server = await serverFor(service.port, 'buffer_size_bytes: 700', 'buffer_flush_interval: 600s')
  for (const path of ['/1', '/2', '/3', '/4', '/5', '/6']) await ask(server, path)
  await service.until(() => pathsOf(service).length >= 4, 'two messages')
  const [stream] = service.streams
  expect(service.streams).toHaveLength(1)
  expect(stream.messages.map(({ hasIdentifier }) => hasIdentifier)).toEqual(
    stream.messages.map((_, index) => index === 0),
  )
  expect(stream.messages[0].entries.length).toBeGreaterThan(1)
  expect(stream.identifier).toMatchObject({ log_name: 'requests', node: { id: 'some_node', cluster: 'c' } })
  expect(pathsOf(service)).toEqual(['/1', '/2', '/3', '/4', '/5', '/6'].slice(0, pathsOf(service).length))
})

test('entries go when the interval is over', async () => {
  const service = await startService()
  const server = await serverFor(service.port, 'buffer_flush_interval: 0.02s')
  await ask(server, '/a')
  await service.until(() => pathsOf(service).length === 1, 'the entry')
  await ask(server, '/b')
  await service.until(() => pathsOf(service).length === 2, 'the second entry')
  expect(statOf(server, 'access_logs.grpc_access_log.logs_written')).toBe(2)
})

test('what is buffered goes when the server ends', async () => {
  const service = await startService()
  const server = await serverFor(service.port, 'buffer_flush_interval: 600s')
  await ask(server, '/a')
  await until('it is logged', () => statOf(server, 'access_logs.grpc_access_log.logs_written') === 1)
  expect(service.streams).toEqual([])
  await server.stop()
  await service.until(() => pathsOf(service).length === 1, 'the entry')
})

test('a stream that has ended is opened again with the next entries', async () => {
  const service = await startService()
  const server = await serverFor(service.port, 'buffer_size_bytes: 0')
  await ask(server, '/a')
  await service.until(() => pathsOf(service).length === 1, 'the entry')
  service.streams[0].fail(14, 'gone')
  await until('the proxy has seen it', async () => {
    await ask(server, '/b')
    return service.streams.length === 2
  })
  await service.until(() => service.streams[1].messages.length > 0, 'a message on the new stream')
  expect(service.streams[1].messages[0].hasIdentifier).toBe(true)
})

test('entries wait for a service that comes later, where the retry policy says so', async () => {
  const [port] = await freePorts(1)
  const policy = 'grpc_stream_retry_policy: { num_retries: 1000, retry_back_off: { base_interval: 0.01s } }'
  const server = await serverFor(port, 'buffer_size_bytes: 0', policy)
  await ask(server, '/a')
  await until('a try has failed', () => (statOf(server, 'cluster.als.upstream_cx_connect_fail') ?? 0) > 0)
  const service = await startService(port)
  await service.until(() => pathsOf(service).includes('/a'), 'the entry')
})

test('a service that does not read costs entries, not memory', async () => {
  const service = await startService()
  service.readsNothing = true
  const server = await serverFor(service.port, 'buffer_size_bytes: 1')
  const long = '/'.padEnd(30_000, 'x')
  const dropped = () => statOf(server, 'access_logs.grpc_access_log.logs_dropped') ?? 0
  let count = 0
  while (dropped() === 0 && count < 500) {
    await ask(server, long)
    count++
  }
  expect(dropped()).toBeGreaterThan(0)
  await until('all are counted', () => {
    return dropped() + (statOf(server, 'access_logs.grpc_access_log.logs_written') ?? 0) === count
  })
})

test('a cluster that is not there is refused', () => {
  const options = optionsOf('--config-yaml', yamlWith(1, [], 'nope'))
  const { bootstrap } = loadBootstrap(options)
  const errors = new ConfigErrors()
  validateBootstrap(bootstrap!, options, registryOfAll(), errors)
  expect(errors.errors.map((issue) => issue.message)).toEqual(["Unknown gRPC client cluster 'nope'"])
})
