/** Bodies that filters rewrite on the way arrive as they should, many at once, however they are cut. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { grpcFrame, grpcWebTrailersFlag } from '../../src/http/grpc_frames.ts'
import { upstreamTrailers } from '../parity/http_filters/grpc_messages.ts'
import { bootstrap, cluster, http1Options, httpFilter, httpListener } from '../parity/yaml.ts'
import { type ProxyProcess, startNuncio } from '../support/proxy_process.ts'

const messageSizes = [[0], [1], [2, 3], [4096, 1, 0], [16_384, 16_385], [70_000], [300_001, 7, 1_000_000]]
const connections = 6
const text = 'application/grpc-web-text'

let backend: Server
let proxy: ProxyProcess
const agent = new Agent({ keepAlive: true, maxSockets: connections })

/** A gRPC server of sorts: it answers with what it is told, and says that all is well. */
beforeAll(async () => {
  backend = createServer((incoming, answer) => {
    answer.writeHead(200, { 'content-type': 'application/grpc', trailer: 'grpc-status' })
    answer.addTrailers({ 'grpc-status': '0' })
    incoming.pipe(answer)
  })
  backend.listen(0, '127.0.0.1')
  await once(backend, 'listening')
  const { port } = backend.address() as AddressInfo
  const limit = 'per_connection_buffer_limit_bytes: 65536'
  const filters = `${httpFilter('grpc_web', 'GrpcWeb')}\n${httpFilter('grpc_stats', 'FilterConfig', 'stats_for_all_methods: true')}`
  proxy = await startNuncio(
    bootstrap(
      [httpListener({ name: 'main', filters, listener: limit })],
      [cluster('main', `${limit}\n${http1Options(upstreamTrailers)}`, String(port))],
    ),
  )
})

afterAll(async () => {
  agent.destroy()
  await proxy.stop()
  backend.closeAllConnections()
  backend.close()
})

/** Sends a body in pieces and reads the answer, pausing now and then where `slow`; the SHA-256 of what came back. */
async function call(body: string, pieceLength: number, slow: boolean): Promise<string> {
  const headers = { 'content-type': text, accept: text, 'transfer-encoding': 'chunked' }
  const outgoing = request({ port: proxy.port('main'), method: 'POST', path: '/test.Echo/All', agent, headers })
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
  for (let at = 0; at < body.length; at += pieceLength) outgoing.write(body.slice(at, at + pieceLength))
  outgoing.end()
  const [response] = await answered
  const hash = createHash('sha256')
  for await (const chunk of response) {
    hash.update(chunk as Buffer)
    if (slow) await delay(1)
  }
  return hash.digest('hex')
}

it('gRPC-Web text comes back whole, frame by frame, and its messages are counted', async () => {
  const wanted: string[] = []
  const got: Promise<string>[] = []
  const ending = grpcFrame(Buffer.from('grpc-status:0\r\n'), grpcWebTrailersFlag).toString('base64')
  let messages = 0
  for (let i = 0; i < connections; i++) {
    for (const sizes of messageSizes) {
      const frames = sizes.map((size) => grpcFrame(randomBytes(size)))
      messages += frames.length
      const answer = frames.map((frame) => frame.toString('base64')).join('') + ending
      wanted.push(createHash('sha256').update(answer).digest('hex'))
      got.push(call(Buffer.concat(frames).toString('base64'), 701 + i * 9001, i % 3 === 0 && sizes[0] > 1))
    }
  }
  expect(await Promise.all(got)).toEqual(wanted)
  const stats = await proxy.stats('message_count$')
  expect(stats.get('cluster.main.grpc.test.Echo.All.request_message_count')).toBe(messages)
  expect(stats.get('cluster.main.grpc.test.Echo.All.response_message_count')).toBe(messages)
}, 60_000)
