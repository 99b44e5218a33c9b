/** Calls to a real gRPC server, through a cluster and beside it. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net'
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { ConfigErrors } from '../../src/config/errors.ts'
import { loadBootstrap } from '../../src/config/load.ts'
import { createAsyncGrpcClient } from '../../src/grpc/async_grpc_client.ts'
import type { GrpcClient, GrpcStatus } from '../../src/grpc/grpc_client.ts'
import { createGrpcClient } from '../../src/grpc/grpc_service.ts'
import { buildCluster } from '../../src/upstream/build_cluster.ts'
import { staticHosts } from '../../src/upstream/endpoints.ts'
import { Condition } from '../support/condition.ts'
import { Http2Backend, playHttp2Reply } from '../support/http2_backend.ts'
import { clusterViews, serverContext, staticClusterYaml, type TestServerContext } from '../upstream/support.ts'

const asIs = (bytes: Buffer): Buffer => bytes
const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function seenOf(call: ServerUnaryCall<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>) {
  // The library takes the header with the timeout away.
  const hasDeadline = Number.isFinite(Number(call.getDeadline()))
  return { metadata: call.metadata, authority: call.getHost(), hasDeadline }
}

/** Answers with what it was sent; `fail` by an error; `silence` not at all. */
class EchoServer {
  port = 0
  readonly seen: { readonly metadata: Metadata; readonly authority: string; readonly hasDeadline: boolean }[] = []

  async start(): Promise<this> {
    const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 })
    const serialization = {
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    }
    server.addService(
      {
        unary: { path: '/t.Echo/Unary', requestStream: false, responseStream: false, ...serialization },
        stream: { path: '/t.Echo/Stream', requestStream: true, responseStream: true, ...serialization },
      },
      {
        unary: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
          this.seen.push(seenOf(call))
          const text = call.request.toString()
          if (text === 'fail') answer({ code: 7, details: 'no' })
          else if (text !== 'silence') answer(null, call.request)
        },
        stream: (call: ServerDuplexStream<Buffer, Buffer>) => {
          this.seen.push(seenOf(call))
          call.on('data', (bytes: Buffer) => {
            if (bytes.toString() === 'fail') call.emit('error', { code: 7, details: 'no' })
            else call.write(bytes)
          })
          call.on('end', () => call.end())
        },
      },
    )
    this.port = await new Promise((resolve, reject) => {
      const done = (error: Error | null, port: number): void => (error === null ? resolve(port) : reject(error))
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), done)
    })
    closers.push(() => server.forceShutdown())
    return this
  }
}

function serviceView(service: string) {
  const source = `{api_config_source: {api_type: GRPC, grpc_services: [${service}]}}`
  const { bootstrap, issues } = loadBootstrap({ configYaml: `dynamic_resources: {cds_config: ${source}}` })
  expect(issues.errors).toEqual([])
  return bootstrap!.dynamicResources!.cdsConfig!.apiConfigSource!.grpcServices[0]
}

function clientOf(service: string, context: TestServerContext): GrpcClient {
  const errors = new ConfigErrors()
  const client = createGrpcClient(serviceView(service), context, errors)
  expect(errors.errors).toEqual([])
  closers.push(() => client!.close())
  return client!
}

/** One message for one; rejects with what the call failed by. */
function unaryOf(service: string, context: TestServerContext) {
  const client = createAsyncGrpcClient(serviceView(service), context)
  return (message: string | Buffer, timeoutMs?: number): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const callbacks = {
        onSuccess: (answer: Uint8Array) => resolve(Buffer.from(answer)),
        onFailure: (code: number, reason: string) => reject(new Error(`${code}, ${reason}`)),
      }
      client.unaryCall('/t.Echo/Unary', Buffer.from(message), callbacks, timeoutMs)
    })
}

function contextWith(port: number, more = ''): TestServerContext {
  const context = serverContext()
  const [view] = clusterViews(staticClusterYaml([`127.0.0.1:${port}`], `  http2_protocol_options: {}\n${more}`))
  const cluster = buildCluster(view, context)
  context.clusterManager.put(cluster)
  cluster.setHosts(staticHosts(view.loadAssignment, context.errors))
  closers.push(() => {
    for (const host of cluster.prioritySet.hosts()) for (const pool of host.pools.values()) pool.closeConnections()
  })
  return context
}

const overCluster = (more = '') => `{envoy_grpc: {cluster_name: c${more}}}`

/** A stream and what comes of it. */
function openStream(client: GrpcClient) {
  const messages: string[] = []
  const arrived = new Condition()
  const { promise: closed, resolve: onClose } = Promise.withResolvers<GrpcStatus>()
  const stream = client.startStream('/t.Echo/Stream', {
    onMessage: (bytes) => {
      messages.push(Buffer.from(bytes).toString())
      arrived.wake()
    },
    onClose,
  })
  const message = (count: number) =>
    arrived.until(
      () => messages.length >= count,
      10_000,
      () => messages.join(' '),
    )
  return { messages, closed, message, stream }
}

describe('a call over a cluster', () => {
  it('carries bytes both ways, and says who calls', async () => {
    const server = await new EchoServer().start()
    const context = contextWith(server.port)
    const call = unaryOf(`{envoy_grpc: {cluster_name: c}, initial_metadata: [{key: k, value: v}]}`, context)
    expect((await call('x')).toString()).toBe('x')
    const [{ metadata, authority }] = server.seen
    expect(metadata.getMap()).toMatchObject({ k: 'v', 'x-envoy-internal': 'true', 'x-forwarded-for': '127.0.0.1' })
    expect(authority).toBe('c')
    const stat = (name: string) => context.scope.counter(`cluster.c.${name}`).value()
    expect([stat('upstream_cx_total'), stat('upstream_cx_http2_total'), stat('upstream_rq_total')]).toEqual([1, 1, 1])
    expect(context.scope.gauge('cluster.c.upstream_rq_active').value()).toBe(0)
  })

  it('may have another authority and no headers of Envoy', async () => {
    const server = await new EchoServer().start()
    const more = ', authority: other.test, skip_envoy_headers: true'
    await unaryOf(overCluster(more), contextWith(server.port))('x')
    const [{ metadata, authority }] = server.seen
    expect(authority).toBe('other.test')
    expect(Object.keys(metadata.getMap()).filter((name) => name.startsWith('x-'))).toEqual([])
  })

  it('takes messages of any size', async () => {
    const server = await new EchoServer().start()
    const call = unaryOf(overCluster(), contextWith(server.port))
    const bytes = Buffer.alloc(12_000_000, 7)
    expect(Buffer.compare(await call(bytes), bytes)).toBe(0)
  })

  it('takes no message that is larger than it may be', async () => {
    const server = await new EchoServer().start()
    const service = overCluster(', max_receive_message_length: 3')
    const context = contextWith(server.port)
    const call = unaryOf(service, context)
    expect((await call('abc')).toString()).toBe('abc')
    await expect(call('abcd')).rejects.toThrow('8, via_upstream')
    const { stream, closed, messages } = openStream(clientOf(service, context))
    stream.send(Buffer.from('abc'))
    stream.send(Buffer.from('abcd'))
    expect(await closed).toEqual({ code: 8, message: 'via_upstream' })
    expect(messages).toEqual(['abc'])
  })

  it('ends as the server says', async () => {
    const server = await new EchoServer().start()
    const context = contextWith(server.port)
    const call = unaryOf(overCluster(), context)
    await expect(call('fail')).rejects.toThrow('7, no{via_upstream}')
    await expect(call('silence', 50)).rejects.toThrow('14, upstream request timeout{response_timeout}')
    expect(server.seen.map(({ hasDeadline }) => hasDeadline)).toEqual([false, true])
    const stat = (name: string) => context.scope.counter(`cluster.c.${name}`).value()
    expect([stat('upstream_rq_timeout'), stat('upstream_rq_tx_reset'), stat('upstream_rq_504')]).toEqual([1, 1, 1])
    expect(context.scope.gauge('cluster.c.upstream_rq_active').value()).toBe(0)
  })

  it('streams until either side ends it', async () => {
    const server = await new EchoServer().start()
    const context = contextWith(server.port)
    const client = clientOf(overCluster(), context)
    const first = openStream(client)
    first.stream.send(Buffer.from('a'))
    first.stream.send(Buffer.from('b'))
    await first.message(2)
    expect(first.messages).toEqual(['a', 'b'])
    first.stream.end()
    expect(await first.closed).toEqual({ code: 0, message: 'OK' })
    const second = openStream(client)
    second.stream.send(Buffer.from('fail'))
    expect(await second.closed).toEqual({ code: 7, message: 'no' })
    const third = openStream(client)
    third.stream.send(Buffer.from('c'))
    await third.message(1)
    third.stream.cancel()
    expect(context.scope.gauge('cluster.c.upstream_rq_active').value()).toBe(0)
    // All on one connection.
    expect(context.scope.counter('cluster.c.upstream_cx_total').value()).toBe(1)
  })

  it('ends by an answer that cannot be read', async () => {
    const server = await Http2Backend.start({
      onHead: (request) => {
        const head = { headers: { ':status': 200, 'content-type': 'application/grpc' } }
        const compressed = { data: '\x01\0\0\0\x01x' }
        void playHttp2Reply(request, [head, compressed, { trailers: { 'grpc-status': '0' } }])
      },
    })
    closers.push(() => server.stop())
    const { closed } = openStream(clientOf(overCluster(), contextWith(server.port)))
    expect((await closed).code).toBe(13)
  })

  it('fails at once where nobody listens, and works when somebody does', async () => {
    const server = await new EchoServer().start()
    const context = contextWith(1)
    const call = unaryOf(overCluster(), context)
    const details =
      'upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}'
    const message = `upstream connect error or disconnect/reset before headers. reset reason: remote connection failure{${details}}`
    await expect(call('x')).rejects.toThrow(`14, ${message}`)
    expect(context.scope.counter('cluster.c.upstream_rq_total').value()).toBe(0)
    expect(context.scope.counter('cluster.c.internal.upstream_rq_503').value()).toBe(1)
    expect(context.scope.counter('cluster.c.upstream_cx_connect_fail').value()).toBe(1)
    expect(context.scope.gauge('cluster.c.upstream_cx_active').value()).toBe(0)
    const [view] = clusterViews(staticClusterYaml([`127.0.0.1:${server.port}`]))
    context.clusterManager.get('c')!.setHosts(staticHosts(view.loadAssignment, context.errors))
    expect((await call('y')).toString()).toBe('y')
  })

  it('waits no longer for a connection than connect_timeout', async () => {
    // It accepts, and says nothing: there is no HTTP/2 and no TLS.
    const silent = await silentServer()
    const context = contextWith((silent.address() as AddressInfo).port, '  connect_timeout: 0.1s')
    const { closed } = openStream(clientOf(overCluster(), context))
    expect((await closed).code).toBe(14)
  })

  it('has nowhere to go in a cluster without hosts, or without the cluster', async () => {
    const context = contextWith(1)
    context.clusterManager.get('c')!.setHosts([[]])
    const call = unaryOf(overCluster(), context)
    await expect(call('x')).rejects.toThrow('no healthy upstream')
    expect(await openStream(clientOf(overCluster(), context)).closed).toEqual({
      code: 14,
      message: 'no healthy upstream{no_healthy_upstream}',
    })
    context.clusterManager.remove('c')
    await expect(call('x')).rejects.toThrow('14, Cluster not available')
  })
})

describe('a call to a target', () => {
  it('is counted under its stat_prefix', async () => {
    const server = await new EchoServer().start()
    const context = serverContext()
    const client = clientOf(`{google_grpc: {target_uri: "127.0.0.1:${server.port}", stat_prefix: g}}`, context)
    const { stream, closed, message } = openStream(client)
    stream.send(Buffer.from('a'))
    await message(1)
    stream.end()
    await closed
    expect(context.scope.counter('grpc.g.streams_total').value()).toBe(1)
    expect(context.scope.counter('grpc.g.streams_closed_0').value()).toBe(1)
  })
})

async function silentServer(): Promise<NetServer> {
  const server = createServer((socket) => closers.push(() => socket.destroy())).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  return server
}
