import { describe, expect, it } from 'vitest'
import { buildListener, checkDuplicateAddresses } from '../../src/network/listener_builder.ts'
import { listenerViews, testContext } from './support.ts'

const type = (name: string) => `'@type': type.googleapis.com/envoy.extensions.filters.network.${name}`
const echo = `{name: e, typed_config: {${type('echo.v3.Echo')}}}`
const limit = `{name: c, typed_config: {${type('connection_limit.v3.ConnectionLimit')}, stat_prefix: s, max_connections: 1}}`
const local = 'address: {socket_address: {address: 127.0.0.1, port_value: 80}}'
const chains = `filter_chains: [{filters: [${echo}]}]`

function build(fields: string) {
  const context = testContext()
  const built = buildListener(listenerViews(`- {${fields}}`)[0], context)
  return { built, issues: context.errors.errors }
}

function errorsOf(fields: string): string[] {
  return build(fields).issues.map((issue) => `${issue.path}: ${issue.message}`)
}

const listener = 'static_resources.listeners[0]'
const filter = `${listener}.filter_chains[0].filters`

describe('building a listener', () => {
  it('names it by its address where it has no name', () => {
    expect(build(`${local}, ${chains}`).built?.name).toBe('127.0.0.1:80')
    expect(build(`name: web, ${local}, ${chains}`).built?.name).toBe('web')
  })

  it('knows where an error stands in the file', () => {
    const [issue] = build(`name: l, ${local}, filter_chains: [{filters: [${echo}, ${limit}]}]`).issues
    expect(issue).toMatchObject({ line: 3, path: `${filter}[0]` })
    expect(issue.column).toBeGreaterThan(1)
  })

  it.each([
    [`name: l, ${chains}`, `${listener}.address: error adding listener named 'l': address is necessary`],
    [`name: l, ${local}`, `${listener}: error adding listener '127.0.0.1:80': no filter chains specified`],
    [
      `${local}, filter_chains: [{filters: [${echo}, ${echo}]}]`,
      `${filter}[0]: Error: terminal filter named e of type envoy.filters.network.echo must be the last filter in a network filter chain.`,
    ],
    [
      `${local}, filter_chains: [{filters: [${limit}]}]`,
      `${filter}[0]: Error: non-terminal filter named c of type envoy.filters.network.connection_limit is the last filter in a network filter chain.`,
    ],
  ])('refuses %s', (fields, error) => {
    expect(errorsOf(fields)).toEqual([error])
  })

  it.each([
    ['{socket_address: {address: localhost, port_value: 1}}', 'malformed IP address: localhost'],
    ['{socket_address: {address: 127.0.0.1, named_port: http}}', 'a named port needs a resolver'],
    ['{socket_address: {address: 127.0.0.1, port_value: 1, resolver_name: x}}', 'Unknown address resolver: x'],
    ['{socket_address: {address: 127.0.0.1, port_value: 1, ipv4_compat: true}}', "Only IPv6 address '::'"],
    ['{socket_address: {protocol: UDP, address: 127.0.0.1, port_value: 1}}', 'UDP listeners are not supported'],
    ["{pipe: {path: '@x', mode: 511}}", 'Cannot set mode for Abstract AF_UNIX sockets'],
    [`{pipe: {path: /${'x'.repeat(120)}}}`, 'exceeds maximum UNIX domain socket path size'],
    ['{envoy_internal_address: {server_listener_name: x}}', 'internal addresses are not supported'],
  ])('refuses the address %s', (address, message) => {
    const errors = errorsOf(`name: l, address: ${address}, ${chains}`)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toContain(message)
  })

  it('reports all errors at once', () => {
    const bad = `{filter_chain_match: {prefix_ranges: [{address_prefix: x, prefix_len: 1}]}, filters: [${limit}]}`
    const missing = "{name: z, typed_config: {'@type': type.googleapis.com/google.protobuf.Struct}}"
    expect(errorsOf(`${local}, filter_chains: [${bad}, {filters: [${missing}]}]`)).toHaveLength(3)
  })

  it('turns socket fields into plain settings', () => {
    const fields = [
      'freebind: true, transparent: true, tcp_backlog_size: 7, enable_reuse_port: false',
      'tcp_keepalive: {keepalive_time: 10, keepalive_interval: 5, keepalive_probes: 3}',
      'socket_options: [{level: 1, name: 2, int_value: 3, state: STATE_BOUND}, {level: 1, name: 4, buf_value: AQ==, ip_version: SOCKET_IP_VERSION_IPV6}]',
      "additional_addresses: [{address: {socket_address: {address: '::', port_value: 81, ipv4_compat: true}}}]",
    ].join(', ')
    const settings = build(`name: l, ${local}, ${fields}, ${chains}`).built?.sockets
    expect(settings?.reusePort).toBe(false)
    const [first, second] = settings?.sockets ?? []
    expect(first.native).toEqual({ family: 'ipv4', address: '127.0.0.1', port: 80 })
    expect(first.options).toMatchObject({
      freebind: true,
      transparent: true,
      backlog: 7,
      reusePort: false,
      ipv4Compat: false,
    })
    const keepalive = [
      [1, 9, 1],
      [6, 6, 3],
      [6, 4, 10],
      [6, 5, 5],
    ]
    const numbers = (options: typeof first.options.options) =>
      options?.map((each) => [each.level, each.name, each.value])
    expect(numbers(first.options.options)).toEqual([...keepalive, [1, 2, 3]])
    expect(second.options.ipv4Compat).toBe(true)
    expect(numbers(second.options.options)).toEqual([...keepalive, [1, 2, 3], [1, 4, new Uint8Array([1])]])
  })
})

describe('duplicate addresses', () => {
  const errors = (yaml: string) => {
    const context = testContext()
    checkDuplicateAddresses(listenerViews(yaml), context)
    return context.errors.errors.map((issue) => issue.message)
  }

  it('are refused between listeners, additional addresses included', () => {
    const other = "{address: {socket_address: {address: '127.0.0.1', port_value: 80}}}"
    const message = "listener 'b' has duplicate address '127.0.0.1:80' as existing listener 'a'"
    expect(errors(`- {name: a, ${local}, ${chains}}\n- {name: b, ${local}, ${chains}}`)).toEqual([message])
    const second = 'address: {socket_address: {address: 127.0.0.1, port_value: 81}}'
    expect(
      errors(`- {name: a, ${local}, ${chains}}\n- {name: b, ${second}, additional_addresses: [${other}], ${chains}}`),
    ).toEqual([message])
  })

  it('are not what two ports 0 are', () => {
    const any = 'address: {socket_address: {address: 127.0.0.1, port_value: 0}}'
    expect(errors(`- {name: a, ${any}, ${chains}}\n- {name: b, ${any}, ${chains}}`)).toEqual([])
  })
})
