/** Backends that speak HTTP/2 and leave in the middle of things: what is retried is not lost, and nothing piles up. */
import { type ClientHttp2Session, connect } from 'node:http2'
import { afterEach, describe, expect, test } from 'vitest'
import { bootstrap, cluster, http1Options, httpListener, routes } from '../parity/yaml.ts'
import { Http2Backend, type Http2BackendRequest, playHttp2Reply } from '../support/http2_backend.ts'
import type { ProxyProcess } from '../support/proxy_process.ts'
import { childPids, residentBytes, startFaultProxy, until } from './fault_proxy.ts'
import { Load } from './load.ts'

const ok = [{ headers: { ':status': 200, 'content-length': 2 } }, { data: 'ok', end: true }] as const

let proxy: ProxyProcess | undefined
let backend: Http2Backend | undefined
let session: ClientHttp2Session | undefined

afterEach(async () => {
  session?.destroy()
  await proxy?.stop()
  await backend?.stop()
  session = undefined
})

interface Setup {
  readonly onHead: (request: Http2BackendRequest) => void
  readonly retryOn?: string
  readonly http2?: string
}

async function start({
  onHead,
  retryOn,
  http2 = '{}',
}: Setup): Promise<{ proxy: ProxyProcess; backend: Http2Backend }> {
  backend = await Http2Backend.start({ onHead })
  const retries = `retry_policy: { retry_on: "${retryOn}", num_retries: 5, retry_back_off: { base_interval: 0.001s } }`
  const route = `{ cluster: main, timeout: 60s${retryOn === undefined ? '' : `, ${retries}`} }`
  const options = http1Options(`explicit_http_config: { http2_protocol_options: ${http2} }`)
  const breakers = 'circuit_breakers: { thresholds: [ { max_retries: 1000 } ] }'
  const main = cluster('main', `${options}\n${breakers}`, String(backend.port))
  const listener = httpListener({ name: 'main', virtualHosts: routes(`- { match: { prefix: / }, route: ${route} }`) })
  proxy = await startFaultProxy(bootstrap([listener], [main]))
  return { proxy, backend }
}

/** Streams of one client connection over HTTP/2: their statuses. */
function requests(client: ClientHttp2Session, count: number): Promise<number[]> {
  const one = (index: number) =>
    new Promise<number>((resolve, reject) => {
      const stream = client.request({ ':path': `/${index}` })
      let status = 0
      stream.on('response', (headers) => {
        status = headers[':status'] ?? 0
      })
      stream.on('error', reject)
      stream.on('close', () => resolve(status))
      stream.resume()
    })
  return Promise.all(Array.from({ length: count }, (_, index) => one(index)))
}

describe('a backend that says GOAWAY again and again', () => {
  /** After each `every` requests it takes none that began later on that connection. */
  function leaving(every: number): (request: Http2BackendRequest) => void {
    const last = new Map<object, number>()
    let count = 0
    return (request) => {
      const { session: connection } = request.connection
      const id = request.stream.id ?? 0
      if (id > (last.get(connection) ?? Number.POSITIVE_INFINITY)) return
      void playHttp2Reply(request, ok)
      if (++count % every !== 0) return
      last.set(connection, id)
      connection.goaway(0, id)
    }
  }

  test('loses no request of a burst over HTTP/2, where those it left out are retried', async () => {
    const { proxy, backend } = await start({ onHead: leaving(20), retryOn: 'refused-stream' })
    session = connect(`http://127.0.0.1:${proxy.port('main')}`)
    for (let round = 0; round < 5; round++) {
      const statuses = await requests(session, 100)
      expect(statuses.filter((status) => status !== 200)).toEqual([])
    }
    expect(backend.connections.length).toBeGreaterThan(5)
    const stats = await proxy.stats('^cluster\\.main\\.')
    expect(stats.get('cluster.main.upstream_rq_active')).toBe(0)
    expect(stats.get('cluster.main.upstream_cx_close_notify')).toBeGreaterThan(5)
  })

  test('loses no request of clients that come one after the other', async () => {
    const { proxy, backend } = await start({ onHead: leaving(7), retryOn: 'refused-stream' })
    const load = new Load(proxy.port('main'), 8)
    await load.progress(300)
    await load.stop()
    expect(load.odd).toEqual([])
    expect(load.broken).toBe(0)
    expect(backend.connections.length).toBeGreaterThan(10)
  })
})

test('a backend whose connections break: retried requests are not lost', async () => {
  let count = 0
  const { proxy } = await start({
    onHead: (request) => {
      if (++count % 10 === 0) request.connection.socket.destroy()
      else void playHttp2Reply(request, ok)
    },
    retryOn: 'reset',
  })
  const load = new Load(proxy.port('main'), 4)
  await load.progress(200)
  await load.stop()
  expect(load.odd).toEqual([])
  expect(load.broken).toBe(0)
})

test('a client that does not read holds the backend back, and memory stays as it is', async () => {
  const bodyBytes = 256 * 2 ** 20
  const chunk = Buffer.alloc(64 * 1024, 'x')
  let sentBytes = 0
  const { proxy } = await start({
    onHead: ({ stream }) => {
      stream.respond({ ':status': 200 })
      const write = () => {
        while (sentBytes < bodyBytes) {
          sentBytes += chunk.length
          if (!stream.write(chunk)) return void stream.once('drain', write)
        }
        stream.end()
      }
      write()
    },
    http2: '{ initial_stream_window_size: 1048576, initial_connection_window_size: 1048576 }',
  })
  const [worker] = childPids(proxy.pid)
  const before = residentBytes(worker)
  session = connect(`http://127.0.0.1:${proxy.port('main')}`)
  const stream = session.request({ ':path': '/' })
  stream.on('error', () => {})
  await new Promise((resolve) => stream.once('response', resolve))
  let last = -1
  // Nothing moves any more: all that there is room for has been sent.
  await until('the backend is held back', async () => {
    const isStill = sentBytes === last
    last = sentBytes
    await new Promise((resolve) => setTimeout(resolve, 200))
    return isStill
  })
  expect(sentBytes).toBeLessThan(64 * 2 ** 20)
  expect(residentBytes(worker) - before).toBeLessThan(64 * 2 ** 20)
  let received = 0
  stream.on('data', (data: Buffer) => {
    received += data.length
  })
  await new Promise((resolve) => stream.once('end', resolve))
  expect(received).toBe(bodyBytes)
}, 60_000)
