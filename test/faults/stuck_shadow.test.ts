/** A backend of mirrored requests that accepts connections and reads nothing: the requests themselves do not feel it. */
import { afterEach, expect, test } from 'vitest'
import { bootstrap, cluster, httpListener, routes } from '../parity/yaml.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import type { ProxyProcess } from '../support/proxy_process.ts'
import { RawClient } from '../support/raw_client.ts'
import { childPids, residentBytes, startFaultProxy, until } from './fault_proxy.ts'

const chunk = Buffer.alloc(64 * 1024, 'x')
const bodyBytes = 1024 * chunk.length
/** Far less than one body: what the proxy and the garbage collector hold of bytes that stream through. */
const growthBytes = 48 * 2 ** 20

let proxy: ProxyProcess
let main: EchoBackend
let shadow: EchoBackend

afterEach(async () => {
  await proxy.stop()
  await main.stop()
  await shadow.stop()
})

async function start(clusterFields = ''): Promise<void> {
  main = await EchoBackend.start()
  shadow = await EchoBackend.start({ raw: true, onConnection: ({ socket }) => socket.pause() })
  const table = routes(
    '- { match: { prefix: / }, route: { cluster: main, timeout: 0s, request_mirror_policies: [ { cluster: shadow } ] } }',
  )
  const clusters = [cluster('main', '', String(main.port)), cluster('shadow', clusterFields, String(shadow.port))]
  proxy = await startFaultProxy(bootstrap([httpListener({ name: 'main', virtualHosts: table })], clusters))
}

function counter(name: string): Promise<number> {
  return proxy.stats(`^${name.replaceAll('.', '\\.')}$`).then((stats) => stats.get(name) ?? 0)
}

/** Counts what comes and keeps none of it; answers when it is a whole body. */
function countBodies(): void {
  main.script = {
    raw: true,
    onConnection: (connection) => {
      let received = 0
      connection.socket.removeAllListeners('data')
      connection.socket.on('data', (data: Buffer) => {
        received += data.length
        if (received < bodyBytes) return
        received = Number.NEGATIVE_INFINITY
        connection.send('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      })
    },
  }
}

test.each([
  ['HTTP/1.1', ''],
  ['HTTP/2', 'http2_protocol_options: {}'],
])('a large body passes whole, and what waits for the copy by %s does not grow', async (_, clusterFields) => {
  await start(clusterFields)
  countBodies()
  const [worker] = childPids(proxy.pid)
  const before = residentBytes(worker)
  const client = await RawClient.connect(proxy.port('main'))
  client.write(`POST / HTTP/1.1\r\nHost: a\r\ncontent-length: ${bodyBytes}\r\n\r\n`)
  let sent = 0
  const write = (): void => {
    while (sent < bodyBytes) {
      sent += chunk.length
      if (!client.socket.write(chunk)) {
        client.socket.once('drain', write)
        return
      }
    }
  }
  write()
  await client.readUntil((text) => text.endsWith('ok'), 20_000)
  expect(client.text).toMatch(/^HTTP\/1.1 200 /)
  expect(residentBytes(worker) - before).toBeLessThan(growthBytes)
  expect(shadow.connections).toHaveLength(1)
  await until('the copy is given up', async () => (await counter('cluster.shadow.upstream_rq_active')) === 0)
  expect(await counter('cluster.main.retry_or_shadow_abandoned')).toBe(1)
  client.close()
})

test('copies that nobody answers are no more than the circuit breaker of their cluster allows', async () => {
  await start('circuit_breakers: { thresholds: [ { max_connections: 3, max_pending_requests: 2 } ] }')
  const client = await RawClient.connect(proxy.port('main'))
  for (let i = 1; i <= 20; i++) {
    client.write('POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 4\r\n\r\nbody')
    await client.readUntil((text) => text.split('\r\n\r\nok').length === i + 1)
  }
  expect(await counter('cluster.main.upstream_rq_200')).toBe(20)
  expect(await counter('http.async-client.rq_total')).toBe(20)
  expect(await counter('cluster.shadow.upstream_rq_active')).toBe(3)
  expect(await counter('cluster.shadow.upstream_rq_pending_active')).toBe(2)
  expect(await counter('cluster.shadow.upstream_rq_pending_overflow')).toBe(15)
  client.close()
})
