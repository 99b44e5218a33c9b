/** Listener filters on real sockets, with real TLS clients. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { httpInspector } from '../../../../src/extensions/filters/listener/http_inspector/config.ts'
import { proxyProtocol } from '../../../../src/extensions/filters/listener/proxy_protocol/config.ts'
import { tlsInspector } from '../../../../src/extensions/filters/listener/tls_inspector/config.ts'
import { type RunningListener, startListener, testContext, until } from '../../../network/support.ts'
import { clientHello } from '../../../support/client_hello.ts'
import { RawClient } from '../../../support/raw_client.ts'

const type = (name: string) => `'@type': type.googleapis.com/envoy.extensions.filters.${name}`
const filter = (name: string, message: string, fields = '') =>
  `{name: f, typed_config: {${type(`listener.${name}.v3.${message}`)}${fields}}}`
const inspector = filter('tls_inspector', 'TlsInspector')
const echo = `{name: e, typed_config: {${type('network.echo.v3.Echo')}}}`

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function start(filters: string, chains: string) {
  const context = testContext({ extensions: [tlsInspector, httpInspector, proxyProtocol] })
  const address = 'address: {socket_address: {address: 127.0.0.1, port_value: 0}}'
  const running = await startListener(
    `- {name: l, ${address}, stat_prefix: p, listener_filters: [${filters}], filter_chains: ${chains}}`,
    context,
  )
  cleanups.push(() => running.stop())
  return { running, count: (name: string) => context.scope.counter(name).value() }
}

async function client(running: RunningListener): Promise<RawClient> {
  const made = await RawClient.connect(running.port)
  cleanups.push(() => made.close())
  return made
}

describe('tls_inspector', () => {
  it('finds what a real TLS client asks for, and passes its bytes on', async () => {
    const { running, count } = await start(
      inspector,
      `[{filter_chain_match: {server_names: ['*.a.test'], application_protocols: [h2]}, filters: [${echo}]}]`,
    )
    const socket = connect(running.port, '127.0.0.1')
    const tls = connectTls({ socket, servername: 'x.a.test', ALPNProtocols: ['h2'], rejectUnauthorized: false })
    // The hello comes back as it was, and no client takes that for an answer.
    const [error] = (await once(tls, 'error')) as [Error]
    expect(error.message).toMatch(/unexpected message/i)
    expect(count('tls_inspector.tls_found')).toBe(1)
    expect(count('tls_inspector.sni_found')).toBe(1)
    expect(count('tls_inspector.alpn_found')).toBe(1)
    expect(count('listener.p.downstream_cx_total')).toBe(1)
    tls.destroy()
  })

  it('waits for a hello that comes byte by byte', async () => {
    const { running, count } = await start(inspector, `[{filters: [${echo}]}]`)
    const made = await client(running)
    const hello = clientHello({ serverName: 'a.test' })
    for (const byte of hello) {
      made.write(String.fromCharCode(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await made.readUntil((text) => text.length === hello.length)).toBe(hello.toString('latin1'))
    expect(count('tls_inspector.sni_found')).toBe(1)
  })

  it('closes on a hello beyond its limit with a reset, since bytes of the client are unread', async () => {
    const { running, count } = await start(
      filter('tls_inspector', 'TlsInspector', ', max_client_hello_size: 256'),
      `[{filters: [${echo}]}]`,
    )
    const made = await client(running)
    made.write(clientHello({ serverName: 'a.test', extensions: [[21, Buffer.alloc(500)]] }).toString('latin1'))
    await until(() => made.ended, 'closed')
    expect(made.errorCode).toBe('ECONNRESET')
    expect(count('tls_inspector.client_hello_too_large')).toBe(1)
  })
})

describe('proxy_protocol', () => {
  const chains = `[{filter_chain_match: {source_prefix_ranges: [{address_prefix: 1.2.3.4, prefix_len: 32}]}, filters: [${echo}]}]`

  it('gives the connection the addresses of the header, and takes it off', async () => {
    const { running, count } = await start(filter('proxy_protocol', 'ProxyProtocol'), chains)
    const made = await client(running)
    made.write('PROXY TCP4 1.2.3.4 10.0.0.1 5678 443\r\nhello')
    await made.readUntil((text) => text === 'hello')
    expect(count('proxy_proto.versions.v1.found')).toBe(1)
  })

  it('is asked for in the old way too', async () => {
    const { running } = await start('', chains.replace('filters:', 'use_proxy_proto: true, filters:'))
    const made = await client(running)
    made.write('PROXY TCP4 1.2.3.4 10.0.0.1 5678 443\r\nhello')
    await made.readUntil((text) => text === 'hello')
  })
})
