import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { ConfigErrors } from '../../src/config/errors.ts'
import { ipAddress, pipeAddress } from '../../src/network/address.ts'
import { ConnectionSocket } from '../../src/network/connection_socket.ts'
import { FilterChainManager } from '../../src/network/filter_chain_manager.ts'
import type { AddressInfo } from '../../src/stream_info/stream_info.ts'
import { listenerViews } from './support.ts'

const echoFilter =
  "filters: [{name: e, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}]"

/** Chains by name from lines of `name: match`. */
function manager(lines: string, fallback?: string): { find: (facts?: Facts) => string | undefined; errors: string[] } {
  const chains = lines
    .trim()
    .split('\n')
    .map((line) => {
      const [name, ...match] = line.trim().split(': ')
      return `{name: ${name}, filter_chain_match: ${match.join(': ')}, ${echoFilter}}`
    })
  const address = 'address: {socket_address: {address: 127.0.0.1, port_value: 80}}'
  const view = listenerViews(`- {name: l, ${address}, filter_chains: [${chains.join(', ')}]}`)[0]
  const errors = new ConfigErrors()
  const built = new FilterChainManager(
    view.filterChains.map((each) => ({ view: each, name: each.name, match: each.filterChainMatch, chain: each.name })),
    fallback,
    errors,
  )
  return { find: (facts) => built.find(socket(facts)), errors: errors.errors.map((issue) => issue.message) }
}

interface Facts {
  local?: AddressInfo
  remote?: AddressInfo
  directRemote?: AddressInfo
  serverName?: string
  transport?: string
  protocols?: string[]
}

// The manager reads facts only, never the socket.
function socket(facts: Facts = {}): ConnectionSocket {
  const direct = facts.directRemote ?? facts.remote ?? ipAddress('192.0.2.1', 5000)
  const local = facts.local ?? ipAddress('10.0.0.1', 80)
  const made = new ConnectionSocket(undefined as unknown as Socket, 1, direct, local, 'l', 0)
  made.remoteAddress = facts.remote ?? direct
  made.requestedServerName = facts.serverName ?? ''
  made.detectedTransportProtocol = facts.transport ?? ''
  made.requestedApplicationProtocols = facts.protocols ?? []
  return made
}

describe('filter chain match', () => {
  it('goes by destination port first, and does not look back', () => {
    const { find } = manager(`
      port: {destination_port: 80, source_prefix_ranges: [{address_prefix: 172.16.0.0, prefix_len: 12}]}
      any: {source_prefix_ranges: [{address_prefix: 192.0.2.0, prefix_len: 24}]}`)
    expect(find({ remote: ipAddress('172.16.1.1', 1) })).toBe('port')
    expect(find({ local: ipAddress('10.0.0.1', 81) })).toBe('any')
    expect(find()).toBeUndefined()
  })

  it('takes the most specific destination range', () => {
    const { find } = manager(`
      wide: {prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}
      narrow: {prefix_ranges: [{address_prefix: 10.1.0.0, prefix_len: 16}, {address_prefix: '2001:db8::', prefix_len: 32}]}
      all: {}`)
    expect(find({ local: ipAddress('10.1.2.3', 80) })).toBe('narrow')
    expect(find({ local: ipAddress('10.2.2.3', 80) })).toBe('wide')
    expect(find({ local: ipAddress('2001:db8::1', 80) })).toBe('narrow')
    expect(find({ local: ipAddress('11.2.2.3', 80) })).toBe('all')
    expect(find({ local: pipeAddress('/run/x') })).toBe('all')
  })

  it('matches server names exactly, then by the longest wildcard, then none', () => {
    const { find } = manager(`
      exact: {server_names: [a.example.com]}
      long: {server_names: ['*.b.example.com']}
      short: {server_names: ['*.example.com']}
      none: {}`)
    expect(find({ serverName: 'a.example.com' })).toBe('exact')
    expect(find({ serverName: 'x.b.example.com' })).toBe('long')
    expect(find({ serverName: 'y.x.b.example.com' })).toBe('long')
    expect(find({ serverName: 'b.example.com' })).toBe('short')
    expect(find({ serverName: 'example.com' })).toBe('none')
    expect(find()).toBe('none')
  })

  it('takes plain connections for raw_buffer, and protocols in the order of the client', () => {
    const { find } = manager(`
      raw: {transport_protocol: raw_buffer}
      h2: {transport_protocol: tls, application_protocols: [h2]}
      h1: {transport_protocol: tls, application_protocols: [http/1.1]}
      tls: {transport_protocol: tls}`)
    expect(find()).toBe('raw')
    expect(find({ transport: 'tls', protocols: ['http/1.1', 'h2'] })).toBe('h1')
    expect(find({ transport: 'tls', protocols: ['spdy', 'h2'] })).toBe('h2')
    expect(find({ transport: 'tls' })).toBe('tls')
    expect(find({ transport: 'quic' })).toBeUndefined()
  })

  it('tells local sources from external ones', () => {
    const { find } = manager(`
      local: {source_type: SAME_IP_OR_LOOPBACK}
      external: {source_type: EXTERNAL}`)
    expect(find({ remote: ipAddress('127.0.0.1', 9) })).toBe('local')
    expect(find({ remote: ipAddress('::1', 9) })).toBe('local')
    expect(find({ remote: ipAddress('10.0.0.1', 9) })).toBe('local')
    expect(find({ remote: pipeAddress('@x'), local: pipeAddress('@x') })).toBe('local')
    expect(find({ remote: ipAddress('10.0.0.2', 9) })).toBe('external')
  })

  it('matches source address and port, and the direct source apart from the restored one', () => {
    const { find } = manager(`
      port: {source_ports: [1000, 1001]}
      range: {source_prefix_ranges: [{address_prefix: 172.16.0.0, prefix_len: 12}]}
      direct: {direct_source_prefix_ranges: [{address_prefix: 10.9.0.0, prefix_len: 16}]}`)
    expect(find({ remote: ipAddress('1.1.1.1', 1001) })).toBe('port')
    expect(find({ remote: ipAddress('1.1.1.1', 1002) })).toBeUndefined()
    expect(find({ remote: ipAddress('172.20.1.1', 7) })).toBe('range')
    expect(find({ remote: ipAddress('172.20.1.1', 7), directRemote: ipAddress('10.9.1.1', 7) })).toBe('direct')
  })

  it('falls back to the default chain', () => {
    const { find } = manager('one: {destination_port: 1}', 'default')
    expect(find()).toBe('default')
    expect(find({ local: ipAddress('10.0.0.1', 1) })).toBe('one')
  })
})

describe('errors of filter chain match', () => {
  it('refuses the same match twice, however it is written', () => {
    expect(manager('x: {destination_port: 1}\nz: {destination_port: 1}').errors).toEqual([
      "filter chain 'z' has the same matching rules defined as 'x'",
    ])
    expect(manager('x: {}\nz: {source_type: ANY}').errors).toHaveLength(1)
  })

  it('refuses matches that overlap', () => {
    const overlapping = 'multiple filter chains with overlapping matching rules are defined'
    expect(manager('x: {source_ports: [1, 2]}\nz: {source_ports: [2]}').errors).toEqual([overlapping])
    const range = (ip: string) => `{prefix_ranges: [{address_prefix: ${ip}, prefix_len: 8}]}`
    expect(manager(`x: ${range('10.1.2.3')}\nz: ${range('10.0.0.0')}`).errors).toEqual([overlapping])
    expect(manager(`x: ${range('10.1.2.3')}\nz: ${range('11.0.0.0')}`).errors).toEqual([])
  })

  it.each([
    ['{prefix_ranges: [{address_prefix: foo, prefix_len: 8}]}', 'malformed IP address: foo'],
    ['{address_suffix: 10.0.0.0, suffix_len: 4}', "filter chain 'x' contains unimplemented fields"],
    ["{server_names: ['*w.com']}", 'partial wildcards are not supported in "server_names"'],
    ["{server_names: ['*']}", 'partial wildcards are not supported in "server_names"'],
  ])('refuses %s', (match, message) => {
    expect(manager(`x: ${match}`).errors).toEqual([message])
  })
})
