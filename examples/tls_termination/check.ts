// Drives HTTPS through the proxy: both versions of HTTP by ALPN, the scheme that the backend hears, and who comes without TLS.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { join } from 'node:path'
import { type Echo, httpEcho } from '../backends.ts'
import { writeSelfSigned } from '../certificates.ts'
import { get, getSecurely } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

/** A GET over HTTP/2, which ALPN has to agree on first. */
async function getByHttp2(port: number, path: string): Promise<Echo> {
  const session = connect(`https://127.0.0.1:${port}`, { servername: 'www.example.com', rejectUnauthorized: false })
  try {
    const stream = session.request({ ':path': path, ':authority': 'www.example.com' })
    let body = ''
    stream.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    await once(stream, 'end')
    return JSON.parse(body) as Echo
  } finally {
    session.close()
  }
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('https')
  const byHttp2 = await getByHttp2(port, '/two')
  assert.equal(byHttp2.path, '/two')
  assert.equal(byHttp2.headers['x-forwarded-proto'], 'https')

  const byHttp1 = await getSecurely(port, '/one', { servername: 'www.example.com', rejectUnauthorized: false })
  assert.equal(byHttp1.status, 200)
  assert.equal(byHttp1.headers['strict-transport-security'], 'max-age=63072000')
  assert.equal((JSON.parse(byHttp1.body) as Echo).headers['x-forwarded-proto'], 'https')

  const plain = await get(proxy.port('http'), '/path', { host: 'www.example.com' })
  assert.equal(plain.status, 301)
  assert.equal(plain.headers['location'], 'https://www.example.com:10443/path')

  const stats = await proxy.stats('ssl\\.handshake|downstream_cx_http2_total')
  assert.equal([...stats].find(([name]) => name.endsWith('ssl.handshake'))?.[1], 2)
  assert.equal(stats.get('http.https.downstream_cx_http2_total'), 1)
}

export const example: Example = {
  prepare: (folder) => writeSelfSigned(join(folder, 'tls_termination'), 'www.example.com', 'DNS:www.example.com'),
  backends: { 7001: httpEcho('web') },
  check,
}
