import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { proxyProtocolUpstreamFactory } from '../../src/extensions/transport_sockets/upstream_proxy_protocol/config.ts'
import { ipAddress } from '../../src/network/address.ts'
import { ConnectionSocket } from '../../src/network/connection_socket.ts'
import { StreamInfo } from '../../src/stream_info/stream_info.ts'
import { commonHashKey } from '../../src/upstream/transport_socket.ts'
import { transportSocketOptions } from '../../src/upstream/transport_socket_options.ts'
import { serverContext, startCluster } from './support.ts'

const transportSocket = {
  raw: '{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}',
  proxyProtocol:
    '{name: p, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport, transport_socket: {name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}}}',
}

/** A cluster whose `labelled` hosts write a PROXY header; each host is its metadata, its locality has that of `locality`. */
function clusterOf(hosts: readonly string[], match: string, locality = '{}') {
  const endpoints = hosts.map(
    (metadata, index) =>
      `{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${index + 1}}}}, metadata: ${metadata}}`,
  )
  const context = serverContext({ extensions: [proxyProtocolUpstreamFactory] })
  const cluster = startCluster(
    `- name: c
  type: STATIC
  transport_socket_matches:
  - {name: labelled, match: ${match}, transport_socket: ${transportSocket.proxyProtocol}}
  - {name: other, match: {other: "yes"}, transport_socket: ${transportSocket.raw}}
  transport_socket: ${transportSocket.raw}
  load_assignment: {cluster_name: c, endpoints: [{metadata: ${locality}, lb_endpoints: [${endpoints.join(', ')}]}]}`,
    context,
  )
  return { cluster, context }
}

const labelled = (fields: string) => `{filter_metadata: {envoy.transport_socket_match: {${fields}}}}`

function writesHeader(hosts: readonly string[], match: string, locality?: string): boolean[] {
  const { cluster } = clusterOf(hosts, match, locality)
  return [...cluster.prioritySet.hosts()].map((host) => host.transportSocket.usesProxyProtocol)
}

describe('transport_socket_matches', () => {
  it('goes by the metadata of the endpoint', () => {
    const hosts = [labelled('a: x'), labelled('a: y'), labelled('a: x, b: z'), '{}']
    expect(writesHeader(hosts, '{a: x}')).toEqual([true, false, true, false])
  })

  it('needs each label', () => {
    expect(writesHeader([labelled('a: x'), labelled('a: x, b: z')], '{a: x, b: z}')).toEqual([false, true])
  })

  it('finds a value in a list', () => {
    expect(writesHeader([labelled('a: [w, x]'), labelled('a: [w]')], '{a: x}')).toEqual([true, false])
  })

  it('matches every endpoint without labels', () => {
    expect(writesHeader([labelled('a: x'), '{}'], '{}')).toEqual([true, true])
  })

  it('goes by the metadata of the locality where that of the endpoint matches nothing', () => {
    const hosts = ['{}', labelled('other: "yes"')]
    expect(writesHeader(hosts, '{a: x}', labelled('a: x'))).toEqual([true, false])
  })

  it('counts what each host has', () => {
    const { cluster, context } = clusterOf([labelled('a: x'), '{}', '{}'], '{a: x}')
    cluster.info.transportSockets.countMatches([...cluster.prioritySet.hosts()])
    const count = (name: string) => context.scope.counter(`cluster.c.${name}.total_match_count`).value()
    expect([count('labelled'), count('other'), count('default')]).toEqual([1, 0, 2])
  })
})

it('refuses a transport socket that is not there', () => {
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.alts.v3.Alts'
  const alts = `{name: a, typed_config: {"@type": ${type}, handshaker_service: x}}`
  const yaml = `- {name: c, type: STATIC, transport_socket: ${alts}}`
  expect(() => startCluster(yaml, serverContext())).toThrow("Didn't find a registered implementation for 'a'")
})

describe('what is asked of an upstream connection', () => {
  const [client, listener] = [ipAddress('127.0.0.1', 4000), ipAddress('127.0.0.2', 80)]
  const stream = () => new StreamInfo(new ConnectionSocket(new Socket(), 1, client, listener, 'l', 0), 0, 0)

  it('is nothing where nobody asks', () => {
    expect(transportSocketOptions(stream(), stream(), false)).toBeUndefined()
    const info = stream()
    info.filterState.set('other', 'x')
    expect(transportSocketOptions(info, undefined, false)).toBeUndefined()
  })

  it('comes from filter state before the request', () => {
    const info = stream()
    const connection = stream()
    info.filterState.set('envoy.network.upstream_server_name', 'state.test')
    connection.filterState.set('envoy.network.upstream_server_name', 'connection.test')
    connection.filterState.set('envoy.network.upstream_subject_alt_names', 'a.test,b.test')
    connection.filterState.set('envoy.network.application_protocols', ['h2'])
    const names = { serverName: 'request.test', subjectAltName: 'request.test' }
    expect(transportSocketOptions(info, connection, false, names)).toEqual({
      serverNameOverride: 'state.test',
      verifySanListOverride: ['a.test', 'b.test'],
      alpnOverride: ['h2'],
    })
  })

  it('keeps connections for different names apart', () => {
    const names = (serverName: string) => ({ serverName, subjectAltName: undefined })
    const key = (serverName: string) =>
      commonHashKey(transportSocketOptions(stream(), undefined, false, names(serverName)) ?? {})
    expect(key('a.test')).toBe(key('a.test'))
    expect(key('a.test')).not.toBe(key('b.test'))
  })

  it('tells whose connection it is where a PROXY header says so', () => {
    const info = stream()
    expect(transportSocketOptions(info, undefined, true)?.proxyProtocol).toEqual({
      source: client,
      destination: listener,
      tlvs: [],
    })
  })
})
