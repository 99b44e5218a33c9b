/** A gRPC-Web client in a real browser: what CORS lets through and keeps back, and what a page gets of its calls. */
import type { Server } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Browser, type Page } from '../support/browser.ts'
import { CertificateAuthority, type IssuedCertificate } from '../support/certificate_authority.ts'
import { BROWSER_INSTALL_TIMEOUT_MS, ensureBrowser } from '../support/ensure_browser.ts'
import { Http2Backend } from '../support/http2_backend.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../support/proxy_process.ts'
import { frame, grpcHead, grpcWebYaml, type Host, hostsOf, methodOf, serve, startSite } from './grpc_web_parts.ts'

interface Outcome {
  readonly messages: string[]
  readonly headers: Record<string, string>
  readonly trailers: Record<string, string>
  readonly status: number
  readonly error: string
}

const everyByte = String.fromCharCode(...Array(256).keys())
/** What a page hears of a call that the browser refused or that broke: nothing more than that. */
const refused = { status: 14, error: 'Failed to fetch', messages: [] }

let ca: CertificateAuthority
let certificate: IssuedCertificate
let site: Server

beforeAll(async () => {
  ensureBrowser()
  ca = new CertificateAuthority()
  certificate = ca.issue({ name: 'shop.test', altNames: ['DNS:*.shop.test', 'DNS:*.evil.test'] })
  site = await startSite()
}, BROWSER_INSTALL_TIMEOUT_MS)

afterAll(() => {
  site?.close()
  ca?.remove()
})

describe.each<ProxyKind>(['nuncio', 'envoy'])('%s', (kind) => {
  let proxy: ProxyProcess
  let backend: Http2Backend
  let browser: Browser

  beforeAll(async () => {
    backend = await Http2Backend.start({ onRequest: serve })
    proxy = await startProxy(kind, grpcWebYaml(site, backend.port, certificate))
    browser = await Browser.start({ hosts: hostsOf(proxy), trustedCertificates: [certificate.cert] })
  })

  afterAll(async () => {
    await browser?.stop()
    await proxy?.stop()
    await backend?.stop()
  })

  describe.each([
    ['http', 'http/1.1'],
    ['https', 'h2'],
  ])('%s, by %s', (scheme, protocol) => {
    let page: Page

    beforeEach(async () => {
      page = await browser.open(`${scheme}://www.shop.test/`)
      backend.requests.length = 0
    })
    afterEach(() => page.close())

    function expression(name: string, method: string, host: Host, ...args: unknown[]): string {
      const url = `${scheme}://${host}.shop.test/t.Service/${method}`
      return `${name}(${[url, ...args].map((arg) => JSON.stringify(arg)).join(', ')})`
    }
    const call = (method: string, message: string, options: object = {}, host: Host = 'api') =>
      page.evaluate<Outcome>(expression('call', method, host, message, options))
    const begin = (method: string, options: object = {}) =>
      page.evaluate<number>(expression('begin', method, 'api', options))
    const next = (stream: number) => page.evaluate<string>(`next(${stream})`)
    const preflights = () => page.requests.filter(({ isPreflight }) => isPreflight).length
    const backendSaw = () => backend.requests.map((request) => `${request.headers[':method']} ${methodOf(request)}`)

    /** The upstream's side of the streams that the page has begun, all of which the service has not answered. */
    async function upstreams(count: number): Promise<ServerHttp2Stream[]> {
      await backend.until(() => backend.requests.filter(({ complete }) => complete).length === count)
      return backend.requests.map(({ stream }) => {
        stream.respond(grpcHead, { waitForTrailers: true })
        stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        return stream
      })
    }

    describe.each(['binary', 'text'] as const)('%s', (format) => {
      it('a message to and fro, and what stands around it', async () => {
        const { messages, headers, trailers, status } = await call('Echo', everyByte, { format })
        expect({ messages, status }).toEqual({ messages: [everyByte], status: 0 })
        expect(headers).toMatchObject({ 'x-shown': 'yes' })
        expect(headers).not.toHaveProperty('x-hidden')
        expect(headers['content-type']).toBe(`application/grpc-web${format === 'text' ? '-text' : ''}+proto`)
        expect(trailers).toEqual({ 'grpc-status': '0', 'x-trailer': 'behind' })
        expect(backend.requests[0].body).toBe(frame(everyByte))
        expect(backend.requests[0].headers).toMatchObject({ 'content-type': 'application/grpc', te: 'trailers' })
        const seen = await page.request(({ method, status: answered }) => method === 'POST' && answered > 0)
        expect(seen.protocol).toBe(protocol)
      })

      it('messages of any length', async () => {
        for (const length of [0, 1, 2, 3, 65_536, 300_000]) {
          const message = '\xff'.repeat(length)
          const { messages, status } = await call('Echo', message, { format })
          expect({ same: messages.map((each) => each === message), status }).toEqual({ same: [true], status: 0 })
        }
      })

      it('an error at once: its status stands among the headers', async () => {
        const { messages, headers, status, error } = await call('Fail', '', { format })
        expect({ messages, status, error }).toEqual({ messages: [], status: 5, error: 'näh: 100%' })
        expect(headers['grpc-status']).toBe('5')
      })

      it('an error after a message: its status stands in the trailers', async () => {
        const { messages, headers, status, error } = await call('FailLate', '', { format })
        expect({ messages, status, error }).toEqual({ messages: ['part'], status: 13, error: 'too late' })
        expect(headers).not.toHaveProperty('grpc-status')
      })

      it('messages of a stream, each before the next is sent', async () => {
        const stream = await begin('Stream', { format })
        const [upstream] = await upstreams(1)
        for (const message of ['one', 'two', 'third', 'the fourth']) {
          upstream.write(frame(message))
          expect(await next(stream)).toBe(message)
        }
        upstream.end()
        expect(await next(stream)).toBe('OK')
      })

      it('a stream that the service resets', async () => {
        const stream = await begin('Stream', { format })
        const [upstream] = await upstreams(1)
        upstream.write(frame('one'))
        expect(await next(stream)).toBe('one')
        upstream.close(2)
        expect(await next(stream)).toMatch(/^status 14: /)
      })

      it('a stream that the page cancels', async () => {
        const stream = await begin('Stream', { format })
        const [upstream] = await upstreams(1)
        upstream.write(frame('one'))
        expect(await next(stream)).toBe('one')
        await page.evaluate(`cancel(${stream})`)
        await backend.until(() => upstream.aborted)
      })

      it('a deadline that the proxy holds', async () => {
        const { status, error } = await call('Never', '', { format, timeoutMs: 50 })
        // Envoy's grpc_web makes a status of the 504, not of the reason.
        expect({ status, error }).toEqual({ status: 14, error: 'downstream duration timeout' })
        await backend.until(() => backend.requests[0].stream.aborted)
      })

      it('an answer that is no gRPC', async () => {
        expect(await call('Foreign', '', { format })).toMatchObject({ status: 14, error: 'closed today' })
      })

      it('a service that is not there', async () => {
        const { status, error } = await page.evaluate<Outcome>(
          expression('call', 'Echo', 'api', '', { format }).replace('t.Service', 't.Nobody'),
        )
        expect(status).toBe(14)
        expect(error).toContain('upstream connect error')
      })
    })

    it('as many streams at once as the browser opens', async () => {
      const count = protocol === 'h2' ? 30 : 6
      const streams = await Promise.all(Array.from({ length: count }, () => begin('Stream')))
      for (const upstream of await upstreams(count)) upstream.end(frame('here'))
      const messages = await Promise.all(streams.map(next))
      expect(messages).toEqual(Array(count).fill('here'))
      if (protocol === 'h2') expect(new Set(backend.requests.map(({ connection }) => connection)).size).toBe(1)
    })

    describe('cors', () => {
      it('the browser asks once for each method, and remembers the answer', async () => {
        for (const method of ['Echo', 'Echo', 'Fail', 'Echo', 'Fail']) await call(method, '')
        expect(preflights()).toBe(2)
        expect(backendSaw()).toEqual(['POST Echo', 'POST Echo', 'POST Fail', 'POST Echo', 'POST Fail'])
      })

      it('another origin does not even call', async () => {
        const stranger = await browser.open(`${scheme}://www.evil.test/`)
        expect(await stranger.evaluate(expression('call', 'Echo', 'api', '', {}))).toMatchObject(refused)
        await stranger.request(({ corsError }) => corsError === 'PreflightMissingAllowOriginHeader')
        await stranger.close()
        expect(backendSaw()).toEqual([])
      })

      it("where preflights of other origins are forwarded, it is the service that doesn't let it call", async () => {
        const stranger = await browser.open(`${scheme}://www.evil.test/`)
        expect(await stranger.evaluate(expression('call', 'Echo', 'bare', '', {}))).toMatchObject(refused)
        await stranger.close()
        expect(backendSaw()).toEqual(['OPTIONS Echo'])
      })

      it('a header that is allowed, and one that is not', async () => {
        expect(await call('Echo', '', { metadata: { 'x-meta': 'mine' } })).toMatchObject({ status: 0 })
        expect(backend.requests[0].headers['x-meta']).toBe('mine')
        expect(await call('Echo', '', { metadata: { 'x-other': 'mine' } })).toMatchObject(refused)
        await page.request(({ corsError }) => corsError === 'HeaderDisallowedByPreflightResponse')
        expect(backendSaw()).toEqual(['POST Echo'])
      })

      it('a status among headers that are not exposed is not seen', async () => {
        const outcome = await call('Fail', '', {}, 'bare')
        expect(outcome).toMatchObject({ status: 2, error: 'HTTP status 200 without a gRPC status' })
        expect(await call('FailLate', '', {}, 'bare')).toMatchObject({ status: 13, error: 'too late' })
      })

      it('cookies go where credentials are allowed, and nowhere else', async () => {
        await page.evaluate("document.cookie = 'who=me; domain=shop.test'")
        const options = { credentials: 'include' }
        expect(await call('Echo', '', options, 'login')).toMatchObject({ status: 0 })
        expect(backend.requests[0].headers['cookie']).toBe('who=me')
        expect(await call('Echo', '', options)).toMatchObject(refused)
        await page.request(({ corsError }) => corsError === 'PreflightInvalidAllowCredentials')
        expect(await call('Echo', '')).toMatchObject({ status: 0 })
        expect(backend.requests.map(({ headers }) => headers['cookie'])).toEqual(['who=me', undefined])
      })
    })

    it('calls are counted by method and outcome, origins by whether they may', async () => {
      const api = `http.api${scheme === 'https' ? '_tls' : ''}.cors`
      const service = 'cluster.service.grpc-web.t.Service'
      const names = [
        `${service}.Echo.success`,
        `${service}.Fail.failure`,
        `${api}.origin_valid`,
        `${api}.origin_invalid`,
      ]
      const counts = async () => {
        const stats = await proxy.stats('grpc-web|cors')
        return names.map((name) => stats.get(name) ?? 0)
      }
      const before = await counts()
      for (const method of ['Echo', 'Fail', 'Echo']) await call(method, '')
      const stranger = await browser.open(`${scheme}://www.evil.test/`)
      await stranger.evaluate(expression('call', 'Echo', 'api', '', {}))
      await stranger.close()
      // Two preflights and three calls.
      expect((await counts()).map((count, i) => count - before[i])).toEqual([2, 1, 5, 1])
    })
  })
})
