/** Two workers that speak TLS, requests to them one after another, and files of secrets that are swapped under them. */
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { startFaultProxy } from '../faults/fault_proxy.ts'
import { CertificateAuthority } from '../support/certificate_authority.ts'
import type { ProxyProcess } from '../support/proxy_process.ts'

export const ca = new CertificateAuthority()

export const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'
const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'

/** The fields of the common context and of the downstream context are JSON. */
export function start(common: object, context: object = {}): Promise<ProxyProcess> {
  const tls = { '@type': `${TLS}.DownstreamTlsContext`, common_tls_context: common, ...context }
  const route = { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'ok' } } }
  const manager = {
    '@type': HCM,
    stat_prefix: 'main',
    codec_type: 'HTTP1',
    http_filters: [{ name: 'router', typed_config: { '@type': ROUTER } }],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
  }
  const address = (port = 0): object => ({ socket_address: { address: '127.0.0.1', port_value: port } })
  const chain = {
    transport_socket: { name: 't', typed_config: tls },
    filters: [{ name: 'hcm', typed_config: manager }],
  }
  const listener = { name: 'main', stat_prefix: 'main', address: address(), filter_chains: [chain] }
  const node = { id: 'n', cluster: 'c' }
  const bootstrap = { node, admin: { address: address() }, static_resources: { listeners: [listener] } }
  return startFaultProxy(JSON.stringify(bootstrap), { flags: ['--concurrency', '2', '-l', 'warning'] })
}

export const pair = ({ certPath, keyPath }: { certPath: string; keyPath: string }): object => ({
  certificate_chain: { filename: certPath },
  private_key: { filename: keyPath },
})

/** A secret in a file of its own that is replaced as a whole. */
export class SecretSource {
  readonly #name: string
  readonly #path: string

  constructor(name: string, fields: object) {
    this.#name = name
    this.#path = join(ca.folder, `${name}.json`)
    this.give(fields)
  }

  /** For `SdsSecretConfig`. */
  get config(): object {
    return { name: this.#name, sds_config: { path_config_source: { path: this.#path } } }
  }

  give(fields: object): void {
    const secret = { '@type': `${TLS}.Secret`, name: this.#name, ...fields }
    writeFileSync(`${this.#path}.new`, JSON.stringify({ resources: [secret] }))
    renameSync(`${this.#path}.new`, this.#path)
  }
}

export interface Answered {
  /** Of the server's certificate. */
  readonly subject: string
  readonly session: Buffer | undefined
  readonly wasReused: boolean
}

/** One request over a connection of its own. Rejects where anything fails. */
export async function request(port: number, more: ConnectionOptions = {}): Promise<Answered> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'a.test', ca: ca.cert, ...more })
  // TLS 1.3 sends its tickets after the handshake.
  let session: Buffer | undefined
  socket.on('session', (ticket) => {
    session = ticket
  })
  await once(socket, 'secureConnect')
  const subject = socket.getPeerX509Certificate()?.subject ?? ''
  const wasReused = socket.isSessionReused()
  socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')
  let text = ''
  for await (const chunk of socket) {
    text += String(chunk)
    if (text.endsWith('\r\n\r\nok')) break
  }
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(`answer ${JSON.stringify(text)}`)
  return { subject, session, wasReused }
}

/** Requests one after another until both workers have answered as wanted. Each must succeed. */
export async function requestUntil(
  port: number,
  done: (answered: Answered) => boolean,
  more: ConnectionOptions = {},
): Promise<number> {
  const deadline = performance.now() + 25_000
  let inARow = 0
  let count = 0
  // So many in a row are no chance.
  while (inARow < 12) {
    if (performance.now() > deadline) throw new Error('the answers did not change')
    inARow = done(await request(port, more)) ? inARow + 1 : 0
    count++
  }
  return count
}

/** The same for clients that are to be let in, or to be refused, by both workers. */
export async function admittedUntil(port: number, admitted: boolean, more: ConnectionOptions): Promise<void> {
  const deadline = performance.now() + 25_000
  for (let inARow = 0; inARow < 12; ) {
    if (performance.now() > deadline) throw new Error(`the client is not ${admitted ? 'let in' : 'refused'}`)
    const was = await request(port, more).then(
      () => true,
      () => false,
    )
    inARow = was === admitted ? inARow + 1 : 0
  }
}

export async function statReaches(proxy: ProxyProcess, name: string, value: number): Promise<void> {
  const deadline = performance.now() + 5000
  while ((await proxy.stats(`^${name}$`)).get(name) !== value) {
    if (performance.now() > deadline) throw new Error(`${name} is not ${value}`)
  }
}
