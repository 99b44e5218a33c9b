// Drives the proxy as its clients do: requests for a server by name, a tunnel to it, servers that may not be reached.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { type Echo, httpEcho } from '../backends.ts'
import { get } from '../client.ts'
import type { Backend, Example, ExampleProxy } from '../example.ts'

let app: Server
const appBackend: Backend = (portOf) => {
  app = httpEcho('app')(portOf)
  return app
}

function connect(port: number, authority: string): ClientRequest {
  const options = { host: '127.0.0.1', port, method: 'CONNECT', path: authority, agent: false as const }
  return request(options).end()
}

/** What a server answers through a tunnel. */
async function throughTunnel(port: number, authority: string): Promise<string> {
  const [response, socket] = (await once(connect(port, authority), 'connect')) as [IncomingMessage, Socket]
  assert.equal(response.statusCode, 200)
  let received = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text
  })
  socket.write(`GET /inside HTTP/1.1\r\nhost: inner\r\nconnection: close\r\n\r\n`)
  await once(socket, 'end')
  socket.destroy()
  return received
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  const appPort = (app.address() as AddressInfo).port
  const authority = `app.localhost:${appPort}`

  for (const path of ['/one', '/two']) {
    const answer = await get(port, `http://${authority}${path}`, { host: authority })
    assert.equal(answer.status, 200)
    const echo = JSON.parse(answer.body) as Echo
    assert.equal(echo.path, path)
    assert.equal(echo.host, authority)
  }
  assert.ok((await throughTunnel(port, authority)).includes('"path":"/inside"'))

  const other = await get(port, 'http://other.example/', { host: 'other.example' })
  assert.equal(other.status, 403)
  assert.equal(other.body, 'not through this proxy\n')
  const [refused] = (await once(connect(port, 'other.example:443'), 'connect')) as [IncomingMessage]
  assert.equal(refused.statusCode, 403)

  const stats = await proxy.stats('^dns_cache\\.names\\.')
  assert.equal(stats.get('dns_cache.names.num_hosts'), 1)
  assert.equal(stats.get('dns_cache.names.dns_query_attempt'), 1)
  const clusters = (await proxy.admin('/clusters')).body
  assert.ok(clusters.includes(`named_by_client::127.0.0.1:${appPort}::hostname::${authority}\n`), clusters)
}

export const example: Example = { backends: { 8081: appBackend }, check }
