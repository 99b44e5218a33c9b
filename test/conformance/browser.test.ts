/** A site behind the proxy as a real browser uses it: WebSockets, events, uploads, cookies, and the way from http to https. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Browser, type Page } from '../support/browser.ts'
import { CertificateAuthority, type IssuedCertificate } from '../support/certificate_authority.ts'
import { Condition } from '../support/condition.ts'
import { BROWSER_INSTALL_TIMEOUT_MS, ensureBrowser } from '../support/ensure_browser.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../support/proxy_process.ts'
import { acceptKey, serveEcho } from './websocket_peer.ts'
import { cluster, httpListener, proxyYaml } from './yaml.ts'

const waitMs = 10_000

/** Serves a page for `/`; everything else a test answers itself. */
class Site {
  readonly server: Server
  readonly held: { readonly request: IncomingMessage; readonly response: ServerResponse; body: string }[] = []
  readonly #changed = new Condition()

  constructor() {
    this.server = createServer((request, response) => this.#take(request, response))
    this.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const accept = acceptKey(request.headers['sec-websocket-key'] ?? '')
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      )
      if (head.length > 0) socket.unshift(head)
      void serveEcho(socket)
    })
  }

  /** The newest request for this path, when `holds` of it. */
  async request(path: string, holds: (body: string) => boolean = () => true) {
    const find = () => this.held.findLast(({ request, body }) => request.url === path && holds(body))
    const seen = () => JSON.stringify(this.held.map(({ request, body }) => [request.url, body.slice(0, 100)]))
    await this.#changed.until(() => find() !== undefined, waitMs, seen)
    return find() as (typeof this.held)[number]
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === '/') {
      response.setHeader('content-type', 'text/html')
      response.end('<!doctype html><title>site</title><link rel="icon" href="data:,">')
      return
    }
    const held = { request, response, body: '' }
    this.held.push(held)
    request.on('data', (chunk: Buffer) => {
      held.body += chunk.toString('latin1')
      this.#changed.wake()
    })
    for (const event of ['end', 'close']) request.on(event, () => this.#changed.wake())
    response.on('close', () => this.#changed.wake())
    this.#changed.wake()
  }
}

let ca: CertificateAuthority
let certificate: IssuedCertificate

beforeAll(() => {
  ensureBrowser()
  ca = new CertificateAuthority()
  certificate = ca.issue({ name: 'www.shop.test', altNames: ['DNS:www.shop.test'] })
}, BROWSER_INSTALL_TIMEOUT_MS)

afterAll(() => ca?.remove())

function yaml(sitePort: number): string {
  const hcm = 'upgrade_configs: [ { upgrade_type: websocket } ]\nhttp2_protocol_options: { allow_connect: true }'
  const toSite = '{ match: { prefix: / }, route: { cluster: site, timeout: 0s } }'
  const toHttps = '{ match: { path: /to_https }, redirect: { https_redirect: true, path_redirect: / } }'
  return proxyYaml(
    [
      httpListener('www', { hcm, routes: `[ ${toHttps}, ${toSite} ]` }),
      httpListener('www_tls', { hcm, routes: `[ ${toSite} ]`, tls: certificate }),
    ],
    [cluster('site', sitePort, 'http_protocol_options: {}')],
  )
}

describe.each<ProxyKind>(['nuncio', 'envoy'])('%s', (kind) => {
  let site: Site
  let proxy: ProxyProcess
  let browser: Browser

  beforeAll(async () => {
    site = new Site()
    site.server.listen(0, '127.0.0.1')
    await once(site.server, 'listening')
    proxy = await startProxy(kind, yaml((site.server.address() as AddressInfo).port))
    const hosts = { 'www.shop.test:80': proxy.port('www'), 'www.shop.test:443': proxy.port('www_tls') }
    browser = await Browser.start({ hosts, trustedCertificates: [certificate.cert] })
  })

  afterAll(async () => {
    await browser?.stop()
    await proxy?.stop()
    site?.server.closeAllConnections()
    site?.server.close()
  })

  describe.each([
    ['http', 'http/1.1', 'www'],
    ['https', 'h2', 'www_tls'],
  ])('%s, by %s', (scheme, protocol, listener) => {
    let page: Page

    beforeEach(async () => {
      site.held.length = 0
      page = await browser.open(`${scheme}://www.shop.test/`)
    })
    afterEach(() => page.close())

    it('the page comes by the best protocol that both know', async () => {
      const { status } = await page.request(({ url, status }) => url.endsWith('.test/') && status > 0)
      expect(status).toBe(200)
      expect(page.requests[0].protocol).toBe(protocol)
    })

    it('a WebSocket: messages of both kinds, short and long, and its end', async () => {
      const stat = `http.${listener}.downstream_cx_upgrades_total`
      const before = (await proxy.stats(stat)).get(stat) ?? 0
      const outcome = await page.evaluate(`new Promise((resolve, reject) => {
        const socket = new WebSocket('${scheme.replace('http', 'ws')}://www.shop.test/socket')
        socket.binaryType = 'arraybuffer'
        const messages = ['hello', 'κόσμε', 'x'.repeat(200_000), new Uint8Array(70_000).fill(7)]
        const same = []
        socket.onopen = () => socket.send(messages[0])
        socket.onerror = () => reject(new Error('the WebSocket failed'))
        socket.onmessage = ({ data }) => {
          const sent = messages[same.length]
          same.push(typeof data === 'string' ? data === sent : String(new Uint8Array(data)) === String(sent))
          if (same.length < messages.length) socket.send(messages[same.length])
          else socket.close(4321, 'enough')
        }
        socket.onclose = ({ code, reason }) => resolve({ same, code, reason })
      })`)
      expect(outcome).toEqual({ same: [true, true, true, true], code: 4321, reason: 'enough' })
      expect((await proxy.stats(stat)).get(stat)).toBe(before + 1)
    })

    it('server-sent events, each before the next is sent, and the way back after a cut', async () => {
      await page.evaluate(`{
        const source = new EventSource('/events')
        globalThis.events = []
        source.onmessage = ({ data }) => {
          events.push(data)
          document.title = events.join()
        }
      }`)
      const first = await site.request('/events')
      first.response.writeHead(200, { 'content-type': 'text/event-stream' })
      first.response.write('retry: 10\n\n')
      for (const [id, data] of ['one', 'two'].entries()) {
        first.response.write(`id: ${id}\ndata: ${data}\n\n`)
        await page.until(`document.title.endsWith('${data}')`)
      }
      site.held.length = 0
      first.response.destroy()
      const second = await site.request('/events')
      expect(second.request.headers['last-event-id']).toBe('1')
      second.response.writeHead(200, { 'content-type': 'text/event-stream' })
      second.response.write('data: three\n\n')
      await page.until("document.title === 'one,two,three'")
      // A page that goes away ends the request at the site.
      const closed = once(second.response, 'close')
      await page.goTo(`${scheme}://www.shop.test/`)
      await closed
    })

    it('cookies, in one header line', async () => {
      await page.evaluate("document.cookie = 'a=1'; document.cookie = 'b=2'; void fetch('/cookies')")
      const { request, response } = await site.request('/cookies')
      expect(request.headers['cookie']).toBe('a=1; b=2')
      expect(request.rawHeaders.filter((name) => name.toLowerCase() === 'cookie')).toHaveLength(1)
      response.end()
    })

    it('a form with a file', async () => {
      const length = 300_000
      await page.evaluate(`{
        const form = new FormData()
        form.append('name', 'Zoë')
        form.append('file', new Blob(['y'.repeat(${length})]), 'file.txt')
        void fetch('/form', { method: 'POST', body: form })
      }`)
      const { body, request, response } = await site.request('/form', (text) => text.endsWith('--\r\n'))
      expect(request.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/)
      expect(body).toContain('y'.repeat(length))
      response.end()
    })

    it('an answer that is cut off is an error for the page, not a shorter answer', async () => {
      await page.evaluate("void (globalThis.cut = fetch('/cut').then((r) => r.text()).catch((e) => e.name))")
      const { response } = await site.request('/cut')
      response.writeHead(200, { 'content-type': 'text/plain' })
      response.write('half')
      await page.request(({ url, status }) => url.endsWith('/cut') && status === 200)
      response.destroy()
      expect(await page.evaluate('cut')).toBe('TypeError')
    })
  })

  it('http leads to https', async () => {
    const page = await browser.open('http://www.shop.test/to_https')
    expect(await page.evaluate('location.href')).toBe('https://www.shop.test/')
    await page.close()
  })

  it('an upload that goes on arrives piece by piece', async () => {
    const page = await browser.open('https://www.shop.test/')
    await page.evaluate(`{
      const pieces = new TransformStream()
      globalThis.writer = pieces.writable.getWriter()
      const sent = fetch('/upload', { method: 'POST', body: pieces.readable.pipeThrough(new TextEncoderStream()), duplex: 'half' })
      globalThis.answer = sent.then((response) => response.text())
      void 0
    }`)
    for (const [i, piece] of ['one', 'two', 'three'].entries()) {
      await page.evaluate(`void writer.write('${piece}')`)
      await site.request('/upload', (body) => body === ['one', 'two', 'three'].slice(0, i + 1).join(''))
    }
    await page.evaluate('void writer.close()')
    const { request, response } = await site.request('/upload')
    if (!request.readableEnded) await once(request, 'end')
    response.end('got it')
    expect(await page.evaluate('answer')).toBe('got it')
    await page.close()
  })

  it('WebSockets of https pages were streams of HTTP/2', async () => {
    const stats = await proxy.stats('^http\\.www_tls\\.downstream_cx_http')
    expect(stats.get('http.www_tls.downstream_cx_http1_total')).toBe(0)
    expect(stats.get('http.www_tls.downstream_cx_http2_total')).toBeGreaterThan(0)
  })
})
