/** What stands around the browser in the gRPC-Web test: its page, the service, and the proxy's YAML between them. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { IssuedCertificate } from '../support/certificate_authority.ts'
import { type Http2BackendRequest, type Http2ReplyStep, playHttp2Reply } from '../support/http2_backend.ts'
import type { ProxyProcess } from '../support/proxy_process.ts'
import { cluster, httpListener, proxyYaml } from './yaml.ts'

const examplePage = join(import.meta.dirname, '../../examples/grpc_web/page')
const html = `<!doctype html><title>calls</title><link rel="icon" href="data:,">
<script type="module" src="grpc_web_calls.js"></script>`
const scripts: Readonly<Record<string, string>> = {
  '/grpc_web_calls.js': join(import.meta.dirname, 'grpc_web_calls.js'),
  '/grpc_web.js': join(examplePage, 'grpc_web.js'),
}

/** Serves a page whose scripts have the calls of `grpc_web_calls.js`. */
export async function startSite(): Promise<Server> {
  const site = createServer(({ url = '' }, response) => {
    const script = scripts[url]
    if (script === undefined) response.setHeader('content-type', 'text/html').end(html)
    else response.setHeader('content-type', 'text/javascript').end(readFileSync(script))
  })
  site.listen(0, '127.0.0.1')
  await once(site, 'listening')
  return site
}

/** A gRPC frame; each character is a byte, as in the backend's steps. */
export function frame(message: string): string {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  return header.toString('latin1') + message
}

export const grpcHead = { ':status': 200, 'content-type': 'application/grpc' }

/** The service's answers by method; what is not here, a test answers itself. */
const replies: Readonly<Record<string, (body: string) => Http2ReplyStep[]>> = {
  Echo: (body) => [
    { headers: { ...grpcHead, 'x-shown': 'yes', 'x-hidden': 'no' } },
    { data: body },
    { trailers: { 'grpc-status': '0', 'x-trailer': 'behind' } },
  ],
  Fail: () => [{ headers: { ...grpcHead, 'grpc-status': '5', 'grpc-message': 'n%C3%A4h: 100%25' }, end: true }],
  FailLate: () => [
    { headers: grpcHead },
    { data: frame('part') },
    { trailers: { 'grpc-status': '13', 'grpc-message': 'too%20late' } },
  ],
  Foreign: () => [{ headers: { ':status': 503, 'content-type': 'text/plain' } }, { data: 'closed today', end: true }],
}

export function serve(request: Http2BackendRequest): void {
  const steps = replies[methodOf(request)]
  if (request.headers[':method'] === 'OPTIONS')
    void playHttp2Reply(request, [{ headers: { ':status': 204 }, end: true }])
  else if (steps !== undefined) void playHttp2Reply(request, steps(request.body))
}

export function methodOf({ headers }: Http2BackendRequest): string {
  return headers[':path']?.split('/').at(-1) ?? ''
}

/** By host, what pages of www.shop.test may do beyond calling. */
const policies = {
  api: 'expose_headers: "grpc-status,grpc-message,x-shown", max_age: "600", forward_not_matching_preflights: false',
  bare: 'max_age: "600"',
  login: 'allow_credentials: true, expose_headers: "grpc-status,grpc-message"',
}

export type Host = keyof typeof policies

function virtualHost(name: string, policy: string): string {
  const type = 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy'
  const origins = '[ { exact: "http://www.shop.test" }, { exact: "https://www.shop.test" } ]'
  const request = 'allow_methods: POST, allow_headers: "content-type,grpc-timeout,x-grpc-web,x-meta"'
  const cors = `{ "@type": ${type}, allow_origin_string_match: ${origins}, ${request}, ${policy} }`
  const limits = 'timeout: 0s, max_stream_duration: { grpc_timeout_header_max: 60s }'
  return `{ name: ${name}, domains: [ ${name}.shop.test ], typed_per_filter_config: { envoy.filters.http.cors: ${cors} }, routes: [
            { match: { prefix: /t.Nobody/ }, route: { cluster: nobody } },
            { match: { prefix: /t.Service/ }, route: { cluster: service, ${limits} } } ] }`
}

/** The page and the service, each on a plain listener and on one with TLS. */
export function grpcWebYaml(site: Server, servicePort: number, tls: IssuedCertificate): string {
  const hosts = Object.entries(policies).map(([name, policy]) => virtualHost(name, policy))
  const www = { route: 'route: { cluster: site }' }
  const filters = [
    ['cors', 'Cors'],
    ['grpc_web', 'GrpcWeb'],
  ] as const
  const api = { virtualHosts: `[ ${hosts.join(', ')} ]`, filters }
  return proxyYaml(
    [
      httpListener('www', www),
      httpListener('www_tls', { ...www, tls }),
      httpListener('api', api),
      httpListener('api_tls', { ...api, tls }),
    ],
    [
      cluster('site', (site.address() as AddressInfo).port, 'http_protocol_options: {}'),
      cluster('service', servicePort, 'http2_protocol_options: {}'),
      cluster('nobody', 1, 'http2_protocol_options: {}'),
    ],
  )
}

/** The listeners' ports by the names in URLs, with the ports that URLs without one mean. */
export function hostsOf(proxy: ProxyProcess): Record<string, number> {
  const hosts: Record<string, number> = {}
  const ports = { 80: '', 443: '_tls' }
  for (const [port, suffix] of Object.entries(ports)) {
    for (const name of ['www.shop.test', 'www.evil.test']) hosts[`${name}:${port}`] = proxy.port(`www${suffix}`)
    for (const name of Object.keys(policies)) hosts[`${name}.shop.test:${port}`] = proxy.port(`api${suffix}`)
  }
  return hosts
}
