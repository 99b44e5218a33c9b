// Drives TLS through the proxy: whose certificate a name gets, names that nobody has, clients without a name or without TLS.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'node:tls'
import { selfSigned } from '../certificates.ts'
import { get } from '../client.ts'
import type { Backend, Example, ExampleProxy } from '../example.ts'

const waitMs = 5000

function tlsServer(text: string, ...names: string[]): Backend {
  return () => createServer(selfSigned(...names), (_request, response) => response.end(text))
}

/** The subject of the certificate that a client of this name meets, and the answer; undefined where it is turned away. */
async function ask(port: number, servername: string): Promise<{ subject: string; answer: string } | undefined> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  })
  let received = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text
  })
  const failed = new Promise<false>((resolve) => socket.once('error', () => resolve(false)))
  if ((await Promise.race([once(socket, 'secureConnect'), failed])) === false) return undefined
  const subject = String(socket.getPeerCertificate().subject.CN)
  socket.write(`GET / HTTP/1.1\r\nhost: ${servername}\r\nconnection: close\r\n\r\n`)
  await once(socket, 'close')
  return { subject, answer: received.slice(received.indexOf('\r\n\r\n') + 4) }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + waitMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not in ${waitMs} ms: ${what}`)
    await delay(10)
  }
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('tls')
  const shop = { subject: 'shop.example.com', answer: 'shop' }
  assert.deepEqual(await ask(port, 'shop.example.com'), shop)
  assert.deepEqual(await ask(port, 'WWW.shop.example.com'), shop)
  assert.deepEqual(await ask(port, 'blog.apps.example.com'), { subject: 'blog.apps.example.com', answer: 'blog' })
  assert.equal(await ask(port, 'other.apps.example.com'), undefined)
  assert.equal(await ask(port, 'other.example.com'), undefined)
  assert.equal(await ask(port, ''), undefined)

  const plain = await get(port, '/path', { host: 'shop.example.com' })
  assert.equal(plain.status, 301)
  assert.equal(plain.headers['location'], 'https://shop.example.com/path')

  const stats = await proxy.stats('^tls_inspector\\.|no_filter_chain_match|downstream_cx_no_route')
  assert.equal(stats.get('tls_inspector.tls_found'), 6)
  assert.equal(stats.get('tls_inspector.sni_not_found'), 1)
  assert.equal(stats.get('tls_inspector.tls_not_found'), 1)
  assert.equal(stats.get('tcp.apps.downstream_cx_no_route'), 1)
  await until(
    () => /^shop\.example\.com by chain shop, client t13d\d{4}h1_\w{12}_\w{12}$/m.test(proxy.stdout),
    'the log line',
  )
}

export const example: Example = {
  backends: {
    7001: tlsServer('shop', 'shop.example.com', 'www.shop.example.com'),
    7002: tlsServer('blog', 'blog.apps.example.com'),
  },
  check,
}
