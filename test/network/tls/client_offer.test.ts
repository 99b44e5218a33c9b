import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type ConnectionOptions, connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readClientOffer } from '../../../src/network/tls/client_offer.ts'

const acceptor = createServer()
beforeAll(async () => {
  acceptor.listen(0, '127.0.0.1')
  await once(acceptor, 'listening')
})
afterAll(() => acceptor.close())

/** What a real client sends first. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const accepted = once(acceptor, 'connection')
  const client = connect({ port: (acceptor.address() as AddressInfo).port, host: '127.0.0.1', ...options })
  client.on('error', () => {})
  const [socket] = await accepted
  const [data] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  return data
}

describe('what a client offers', () => {
  it('is read from what a real client sends', async () => {
    const hello = readClientOffer(
      await helloOf({
        servername: 'A.Test',
        ALPNProtocols: ['h2', 'http/1.1'],
        requestOCSP: true,
        ecdhCurve: 'X25519:P-256',
      }),
    )
    expect(hello).toMatchObject({
      serverName: 'a.test',
      applicationProtocols: ['h2', 'http/1.1'],
      offersTls13: true,
      groups: [29, 23],
      wantsOcspResponse: true,
    })
  })

  it('of TLS 1.2 offers no 1.3', async () => {
    const hello = readClientOffer(await helloOf({ maxVersion: 'TLSv1.2' }))
    expect(hello).toMatchObject({
      serverName: '',
      applicationProtocols: [],
      offersTls13: false,
      wantsOcspResponse: false,
    })
  })

  it('is incomplete until its last byte is there', async () => {
    const bytes = await helloOf({ servername: 'a.test' })
    for (let length = 0; length < bytes.length; length++) {
      expect(readClientOffer(bytes.subarray(0, length))).toBe('incomplete')
    }
    expect(readClientOffer(bytes)).toMatchObject({ serverName: 'a.test' })
  })

  it('may be spread over several records', async () => {
    const bytes = await helloOf({ servername: 'a.test' })
    const message = bytes.subarray(5)
    const record = (part: Buffer): Buffer =>
      Buffer.concat([Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part])
    const records = Buffer.concat([
      record(message.subarray(0, 3)),
      record(message.subarray(3, 100)),
      record(message.subarray(100)),
    ])
    expect(readClientOffer(records)).toEqual(readClientOffer(bytes))
  })

  it('with any byte changed or cut out is never an exception', async () => {
    const bytes = await helloOf({ servername: 'a.test', ALPNProtocols: ['h2'] })
    for (let i = 0; i < bytes.length; i++) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const changed = Buffer.from(bytes)
        changed[i] = value
        readClientOffer(changed)
      }
      readClientOffer(Buffer.concat([bytes.subarray(0, i), bytes.subarray(i + 1)]))
    }
  })

  it.each([
    ['plain HTTP', 'GET / HTTP/1.1\r\n'],
    ['an alert', '\x15\x03\x01\x00\x02\x02\x28'],
    ['another message', '\x16\x03\x01\x00\x04\x02\x00\x00\x00'],
    ['one empty record after another', '\x16\x03\x01\x00\x00'.repeat(33)],
    ['a length beyond all limits', '\x16\x03\x01\x00\x04\x01\xff\xff\xff'],
  ])('is not %s', (_, text) => {
    expect(readClientOffer(Buffer.from(text, 'latin1'))).toBe('invalid')
  })
})
