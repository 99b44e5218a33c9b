/** Bodies of all sizes arrive as they were sent, both ways at once, whoever is slow: read memory is used again. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootstrap, cluster, httpListener } from '../parity/yaml.ts'
import { type ProxyProcess, startNuncio } from '../support/proxy_process.ts'

const sizes = [1, 100, 4096, 16_384, 16_385, 65_536, 70_000, 262_144, 300_001, 3_000_000]
const connections = 12

/** Routes whose requests the router keeps (for a retry) and passes on; the cluster's own limit is small. */
const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
  - match: { prefix: "/kept" }
    route: { cluster: main, retry_policy: { retry_on: "5xx" } }
  - match: { prefix: "/" }
    route: { cluster: main }
`

let backend: Server
let proxy: ProxyProcess
const agent = new Agent({ keepAlive: true, maxSockets: connections })

beforeAll(async () => {
  backend = createServer((incoming, answer) => {
    const length = incoming.headers['content-length']
    if (length !== undefined) answer.setHeader('content-length', length)
    incoming.pipe(answer)
  })
  backend.listen(0, '127.0.0.1')
  await once(backend, 'listening')
  const { port } = backend.address() as AddressInfo
  proxy = await startNuncio(
    bootstrap(
      [httpListener({ name: 'main', virtualHosts, listener: 'per_connection_buffer_limit_bytes: 65536' })],
      [cluster('main', 'per_connection_buffer_limit_bytes: 65536', String(port))],
    ),
  )
})

afterAll(async () => {
  agent.destroy()
  await proxy.stop()
  backend.closeAllConnections()
  backend.close()
})

/** Sends a body and reads the echo, pausing now and then where `slow`; the SHA-256 of what came back. */
async function echo(path: string, body: Buffer, chunked: boolean, slow: boolean): Promise<string> {
  const headers = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': body.length }
  const outgoing = request({ port: proxy.port('main'), method: 'PUT', path, agent, headers })
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
  for (let at = 0; at < body.length; at += 50_000) outgoing.write(body.subarray(at, at + 50_000))
  outgoing.end()
  const [response] = await answered
  const hash = createHash('sha256')
  for await (const chunk of response) {
    hash.update(chunk as Buffer)
    if (slow) await delay(1)
  }
  return hash.digest('hex')
}

describe('bodies', () => {
  for (const path of ['/', '/kept']) {
    for (const chunked of [false, true]) {
      it(`come back whole: ${path} ${chunked ? 'chunked' : 'with a length'}`, async () => {
        const wanted: string[] = []
        const got: Promise<string>[] = []
        for (let i = 0; i < connections; i++) {
          for (const size of sizes) {
            const body = randomBytes(size)
            wanted.push(createHash('sha256').update(body).digest('hex'))
            got.push(echo(path, body, chunked, i % 3 === 0))
          }
        }
        expect(await Promise.all(got)).toEqual(wanted)
      }, 60_000)
    }
  }
})
