/** What this proxy lets through, another parser must read in the same way: Node's, which backends and proxies share. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readRequests } from '../http/codec/http1/codec_events.ts'
import { requestBytes } from './message_arbitraries.ts'
import { checkAsync, propertyTimeoutMs } from './property.ts'

interface ReadRequest {
  method: string
  body: string
}

let server: Server
let seen: ReadRequest[] = []

beforeAll(async () => {
  server = createServer({ keepAlive: true, requireHostHeader: false }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (data: Buffer) => chunks.push(data))
    request.on('end', () => {
      seen.push({ method: request.method ?? '', body: Buffer.concat(chunks).toString('latin1') })
      response.writeHead(204).end()
    })
  })
  server.on('checkContinue', (request, response) => server.emit('request', request, response))
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('clientError', (_, socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterAll(() => server.close())

async function nodesReading(bytes: Buffer): Promise<ReadRequest[]> {
  seen = []
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.end(bytes)
  await once(socket, 'close')
  return seen
}

test(
  'of requests that are accepted, bodies and borders are the same to Node',
  async () => {
    await checkAsync(requestBytes, async (text) => {
      const bytes = Buffer.from(text, 'latin1')
      const { messages, refusal, inHead } = readRequests([bytes])
      // Tunnels have no borders, HTTP/1.0 closes after the first, and what is not whole is not answered by anybody.
      if (refusal !== '' || inHead || messages.some(({ complete }) => !complete)) return
      if (/HTTP\/1\.0|CONNECT|upgrade|close/i.test(text)) return
      const ours = messages.map(({ head, body }) => ({ method: head[0].split(' ')[0], body }))
      const nodes = await nodesReading(bytes)
      // Node refuses more than it needs to; what it does read, it must read as we do.
      expect(ours.slice(0, nodes.length)).toEqual(nodes)
      expect(nodes.length).toBeLessThanOrEqual(ours.length)
    })
  },
  propertyTimeoutMs,
)
