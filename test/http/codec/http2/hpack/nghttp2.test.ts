/** Header blocks exchanged with nghttp2, as node:http2 has it, over a socket: both sides read what the other writes. */
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  sensitiveHeaders,
} from 'node:http2'
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
  connect as tcpConnect,
} from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { FieldList } from './blocks.ts'
import { clientPreface, RawHttp2Peer } from './raw_http2_peer.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** What a message of each number holds: repeated, changing, long, secret, empty and odd values. */
function extraFields(number: number): [string, string][] {
  return [
    ['x-same', 'the same in each message'],
    ['x-number', String(number)],
    ['x-seldom', `changes ${number >> 2}`],
    ['x-request-id', `${(number * 0x9e3779b1) % 0xffffffff}-${number}`],
    ['x-empty', ''],
    ['x-odd', '~!"#$%&()*+,/:;<=>?@[\\]^_`{|} \x80\xe9\xff'],
    ['x-long', 'lorem ipsum {}, '.repeat(number % 90).concat('end')],
    [`x-name-${number % 50}`, `${number % 3}`],
    ['cookie', number % 2 === 0 ? 'a=b' : 'session=0123456789abcdef0123456789abcdef'],
    ['authorization', 'Bearer abcdef'],
    ['etag', `"${number % 5}"`],
  ]
}

const messages = 200
const tableSizes = [
  [4096, 4096],
  [0, 4096],
  [4096, 0],
  [100, 300],
  [16384, 65536],
] as const

async function listen(server: Server | Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  return (server.address() as AddressInfo).port
}

/** As node:http2 shows them: values of bytes as Latin-1 text. */
function asNode(fields: FieldList): Record<string, string> {
  return Object.fromEntries(fields)
}

function withoutDate(headers: Record<string, string>): Record<string, string> {
  const { date: _, ...others } = headers
  return others
}

function texts(headers: IncomingHttpHeaders): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers))
}

/** The names that came as never indexed. */
function secretNames(headers: IncomingHttpHeaders): string[] {
  return (headers as Record<symbol, string[] | undefined>)[sensitiveHeaders as symbol] ?? []
}

/** The names that are to go so. */
function secretsOf(number: number): string[] {
  return number % 2 === 0 ? ['cookie', 'authorization'] : ['authorization']
}

describe.each(tableSizes)('with a table of %i bytes here and %i there', (ours, theirs) => {
  test('an nghttp2 server reads our requests, we read its responses', async () => {
    const received: Record<string, unknown>[] = []
    const secrets: string[][] = []
    const server = createServer({ settings: { headerTableSize: theirs } })
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      secrets.push(secretNames(headers))
      received.push(texts(headers))
      stream.respond(
        { ':status': 200 + (received.length % 150), ...asNode(extraFields(received.length - 1)) },
        { endStream: true },
      )
    })
    const socket = tcpConnect({ port: await listen(server), host: '127.0.0.1' })
    closers.push(() => socket.destroy())

    const request = (number: number): [string, string][] => [
      [':method', number % 3 === 0 ? 'POST' : 'GET'],
      [':scheme', 'http'],
      [':path', `/path/${number}?a=%20`],
      [':authority', 'service.example.test'],
      ...extraFields(number),
    ]
    const responses: Record<string, unknown>[] = []
    await new Promise<void>((resolve, reject) => {
      const peer = new RawHttp2Peer(socket, ours, 0, (streamId, fields) => {
        responses.push(withoutDate(asNode(fields)))
        if (responses.length < messages) peer.sendHeaders(streamId + 2, request(responses.length))
        else resolve()
      })
      socket.on('error', reject)
      socket.on('close', () => reject(new Error('closed')))
      socket.write(clientPreface)
      peer.sendSettings()
      peer.sendHeaders(1, request(0))
    })

    const numbers = Array.from({ length: messages }, (_, i) => i)
    expect(secrets).toEqual(numbers.map(secretsOf))
    expect(received).toEqual(numbers.map((number) => asNode(request(number))))
    expect(responses).toEqual(
      numbers.map((number) => ({ ':status': String(200 + ((number + 1) % 150)), ...asNode(extraFields(number)) })),
    )
  })

  test('we read the requests of an nghttp2 client, it reads our responses', async () => {
    const received: Record<string, string>[] = []
    const server = createTcpServer((socket: Socket) => {
      socket.on('error', () => socket.destroy())
      const peer = new RawHttp2Peer(socket, ours, clientPreface.length, (streamId, fields) => {
        received.push(asNode(fields))
        peer.sendHeaders(streamId, [[':status', '200'], ...extraFields(received.length - 1)])
      })
      peer.sendSettings()
    })
    const port = await listen(server)
    const client = connect(`http://127.0.0.1:${port}`, { settings: { headerTableSize: theirs } })
    closers.push(() => client.destroy())

    for (let number = 0; number < messages; number++) {
      const fields = { ':path': `/path/${number}`, ...asNode(extraFields(number)) }
      const response = await exchange(client, fields)
      expect(secretNames(response)).toEqual(secretsOf(number))
      expect(texts(response)).toEqual({ ':status': 200, ...asNode(extraFields(number)) })
      expect(received[number]).toEqual({
        ':method': 'GET',
        ':scheme': 'http',
        ':authority': `127.0.0.1:${port}`,
        ...fields,
      })
    }
  })
})

async function exchange(client: ClientHttp2Session, fields: Record<string, string>): Promise<IncomingHttpHeaders> {
  const stream = client.request(fields, { endStream: true })
  const answered = once(stream, 'response')
  stream.resume()
  const [headers] = (await answered) as [IncomingHttpHeaders]
  return headers
}
