/** gRPC for Node on both ends, with the proxy between: streams, deadlines, cancellation, metadata, and large messages. */
import { EventEmitter, once } from 'node:events'
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type StatusObject,
  status,
} from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CertificateAuthority } from '../support/certificate_authority.ts'
import { type ProxyProcess, startNuncio } from '../support/proxy_process.ts'
import { cluster, httpListener, proxyYaml } from './yaml.ts'

const asIs = (bytes: Buffer): Buffer => bytes
const largeBytes = 4 * 1024 * 1024
const channelOptions = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 }

function method(name: string): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/test.Echo/${name}`,
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  }
}

/** What the server sees of a call that it does not answer. */
const hanging = new EventEmitter()
const nextOf = (event: 'arrived' | 'cancelled'): Promise<unknown> => once(hanging, event)

const handlers: Record<string, (call: ServerDuplexStream<Buffer, Buffer>) => void> = {
  /** Each message comes back at once; metadata too, in the headers and in the trailers. */
  Echo: (call) => {
    const initial = new Metadata()
    for (const value of call.metadata.get('echo-initial')) initial.add('echo-initial', value)
    call.sendMetadata(initial)
    call.on('data', (message: Buffer) => call.write(message))
    call.on('end', () => {
      const trailing = new Metadata()
      for (const value of call.metadata.get('echo-trailing-bin')) trailing.add('echo-trailing-bin', value)
      call.end(trailing)
    })
  },
  /** Answers without reading what the client sends. */
  Refuse: (call) => {
    call.emit('error', { code: status.PERMISSION_DENIED, details: 'not today: ☃ 100%' })
  },
  /** Never answers. */
  Hang: (call) => {
    call.on('cancelled', () => hanging.emit('cancelled'))
    call.on('data', () => hanging.emit('arrived'))
  },
  /** As many messages as the first says. */
  Count: (call) => {
    call.once('data', (message: Buffer) => {
      for (let i = 0; i < Number(message.toString()); i++) call.write(Buffer.from(String(i)))
      call.end()
    })
  },
}

let proxy: ProxyProcess
let server: Server
let ca: CertificateAuthority

beforeAll(async () => {
  ca = new CertificateAuthority()
  const certificate = ca.issue({ name: 'localhost', altNames: ['DNS:localhost'] })
  server = new Server(channelOptions)
  const definition = Object.fromEntries(Object.keys(handlers).map((name) => [name, method(name)]))
  server.addService(definition, handlers)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  const route = 'route: { cluster: grpc, timeout: 0s }'
  proxy = await startNuncio(
    proxyYaml(
      [httpListener('plain', { route }), httpListener('tls', { route, tls: certificate })],
      [cluster('grpc', port, 'http2_protocol_options: {}')],
    ),
  )
})

afterAll(async () => {
  await proxy?.stop()
  server?.forceShutdown()
  ca?.remove()
})

interface Outcome extends StatusObject {
  readonly messages: Buffer[]
}

function outcomeOf(call: ClientDuplexStream<Buffer, Buffer>): Promise<Outcome> {
  const messages: Buffer[] = []
  call.on('data', (message: Buffer) => messages.push(message))
  // Says the same as the status, which comes with every end.
  call.on('error', () => undefined)
  return new Promise((resolve) => call.on('status', (end: StatusObject) => resolve({ ...end, messages })))
}

describe.each(['plain', 'tls'])('%s', (listener) => {
  let client: Client

  beforeAll(() => {
    const channel = listener === 'tls' ? credentials.createSsl(ca.cert) : credentials.createInsecure()
    client = new Client(`localhost:${proxy.port(listener)}`, channel, channelOptions)
  })

  afterAll(() => client.close())

  const open = (name: string, metadata = new Metadata(), deadline?: number) =>
    client.makeBidiStreamRequest(method(name).path, asIs, asIs, metadata, deadline === undefined ? {} : { deadline })

  it('messages go both ways in turn', async () => {
    const call = open('Echo')
    for (let i = 0; i < 20; i++) {
      call.write(Buffer.from(`message ${i}`))
      const [answer] = (await once(call, 'data')) as [Buffer]
      expect(answer.toString()).toBe(`message ${i}`)
    }
    call.end()
    expect((await outcomeOf(call)).code).toBe(status.OK)
  })

  it('messages of no bytes and of 4 MiB arrive whole, in order', async () => {
    const sent = [
      Buffer.alloc(0),
      Buffer.alloc(largeBytes, 'abcdefg'),
      Buffer.alloc(0),
      Buffer.alloc(largeBytes + 1, 'x'),
    ]
    const call = open('Echo')
    for (const message of sent) call.write(message)
    call.end()
    const { messages, code } = await outcomeOf(call)
    expect(code).toBe(status.OK)
    expect(messages.map((message, i) => message.equals(sent[i]))).toEqual([true, true, true, true])
  })

  it('a stream of many small messages', async () => {
    const call = open('Count')
    call.end(Buffer.from('5000'))
    const { messages, code } = await outcomeOf(call)
    expect(code).toBe(status.OK)
    expect(messages.map(String)).toEqual(Array.from({ length: 5000 }, (_, i) => String(i)))
  })

  it('metadata in headers and trailers, several of a name and binary', async () => {
    const metadata = new Metadata()
    metadata.add('echo-initial', 'one')
    metadata.add('echo-initial', 'two')
    metadata.add('echo-trailing-bin', Buffer.from([0, 255, 10, 13]))
    const call = open('Echo', metadata)
    call.end()
    const initial = once(call, 'metadata') as Promise<[Metadata]>
    const { metadata: trailing } = await outcomeOf(call)
    expect((await initial)[0].get('echo-initial').join()).toBe('one, two')
    expect(trailing.get('echo-trailing-bin')).toEqual([Buffer.from([0, 255, 10, 13])])
  })

  it('status and message of a call that is refused while it sends', async () => {
    const call = open('Refuse')
    call.write(Buffer.alloc(100_000))
    const { code, details } = await outcomeOf(call)
    expect({ code, details }).toEqual({ code: status.PERMISSION_DENIED, details: 'not today: ☃ 100%' })
  })

  it('a method that is not there', async () => {
    expect((await outcomeOf(open('Missing'))).code).toBe(status.UNIMPLEMENTED)
  })

  it('a cancelled call ends at the server', async () => {
    const arrived = nextOf('arrived')
    const cancelled = nextOf('cancelled')
    const call = open('Hang')
    const outcome = outcomeOf(call)
    call.write(Buffer.from('hello'))
    await arrived
    call.cancel()
    expect((await outcome).code).toBe(status.CANCELLED)
    await cancelled
  })

  it('a call whose deadline is over ends at the server', async () => {
    const cancelled = nextOf('cancelled')
    const call = open('Hang', new Metadata(), Date.now() + 500)
    call.write(Buffer.from('hello'))
    expect((await outcomeOf(call)).code).toBe(status.DEADLINE_EXCEEDED)
    await cancelled
  })

  it('fifty calls at a time', async () => {
    const outcomes = Array.from({ length: 50 }, async (_, i) => {
      const call = open('Echo')
      call.end(Buffer.alloc(10_000, String(i)))
      return outcomeOf(call)
    })
    for (const [i, { messages, code }] of (await Promise.all(outcomes)).entries()) {
      expect(code).toBe(status.OK)
      expect(messages.map((message) => message.equals(Buffer.alloc(10_000, String(i))))).toEqual([true])
    }
  })
})
