/** Listeners on every kind of address, the filter chain that each connection gets, and the limits on connections. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { bootstrap, cluster, indent } from '../yaml.ts'
import { direct, STATS, tcpProxy } from './l4_yaml.ts'

const NAMES =
  'local=%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% remote=%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% ' +
  'direct=%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%'
/** Listeners of pipes have no ports that could tell whose line it is: each has a file of its own. */
const pipeLog = (name: string): string =>
  `[ { name: f, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{dir}}/${name}.log", log_format: { text_format_source: { inline_string: "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS% ${NAMES} %FILTER_CHAIN_NAME%\\n" } } } } ]`

function on(name: string, address: string, more = '', filters = tcpProxy('cluster: main', name, NAMES)): string {
  return `
- name: ${name}
  stat_prefix: ${name}
  address: ${address}
${indent(more, 2)}
  filter_chains:
  - name: only
    filters:
${indent(filters, 4)}
`
}
const ip = (address: string, more = '') => `{ socket_address: { address: "${address}", port_value: 0${more} } }`

function chains(name: string, address: string, list: [match: string, text: string][], more = ''): string {
  const items = list.map(
    ([match, text], index) =>
      `- name: c${index}\n  filter_chain_match: ${match}\n  filters:\n${indent(direct(text), 2)}`,
  )
  return `
- name: ${name}
  stat_prefix: ${name}
  address: ${address}
${indent(more, 2)}
  filter_chains:
${indent(items.join('\n'), 2)}
`
}
const range = (prefix: string, length: number) => `[ { address_prefix: "${prefix}", prefix_len: ${length} } ]`

const yaml = bootstrap(
  [
    on('ipv6', ip('::1')),
    on('ipv6_long', ip('0:0:0:0:0:0:0:1')),
    on('any4', ip('0.0.0.0')),
    on('any6', ip('::')),
    on('compat', ip('::', ', ipv4_compat: true')),
    on('mapped', ip('::ffff:127.0.0.1', ', ipv4_compat: true')),
    on('pipe', '{ pipe: { path: "{{dir}}/a.sock", mode: 0600 } }', `access_log: ${pipeLog('pipe')}`, direct('pipe')),
    on(
      'abstract',
      '{ pipe: { path: "@parity_{{backend}}" } }',
      `access_log: ${pipeLog('abstract')}`,
      direct('abstract'),
    ),
    on(
      'additional',
      ip('127.0.0.1'),
      'additional_addresses: [ { address: { pipe: { path: "{{dir}}/b.sock" } } } ]',
      direct('additional'),
    ),
    on('options', ip('127.0.0.1'), OPTIONS(), direct('options')),
    on('shared', ip('127.0.0.1'), 'enable_reuse_port: false\ntcp_backlog_size: 5', direct('shared')),
    chains('pipe_chains', '{ pipe: { path: "{{dir}}/c.sock" } }', [
      [`{ prefix_ranges: ${range('10.0.0.0', 8)} }`, 'ten'],
      ['{ source_type: SAME_IP_OR_LOOPBACK }', 'local'],
      ['{ destination_port: 1 }', 'port'],
    ]),
    chains('port_first', ip('127.0.0.1'), [
      [`{ prefix_ranges: ${range('127.0.0.1', 32)}, source_prefix_ranges: ${range('127.0.0.1', 32)} }`, 'addresses'],
      ['{ source_type: SAME_IP_OR_LOOPBACK }', 'local'],
    ]),
    chains('never_back', ip('127.0.0.1'), [
      [`{ prefix_ranges: ${range('127.0.0.1', 32)}, source_prefix_ranges: ${range('10.0.0.0', 8)} }`, 'narrow'],
      [`{ prefix_ranges: ${range('127.0.0.0', 8)} }`, 'wide'],
    ]),
    chains('direct_source', ip('127.0.0.1'), [
      [`{ direct_source_prefix_ranges: ${range('127.0.0.0', 8)} }`, 'direct'],
      [`{ source_prefix_ranges: ${range('127.0.0.1', 32)} }`, 'source'],
    ]),
    chains('type_before_ip', ip('127.0.0.1'), [
      [`{ source_prefix_ranges: ${range('127.0.0.1', 32)} }`, 'source'],
      [`{ source_type: SAME_IP_OR_LOOPBACK, source_prefix_ranges: ${range('127.0.0.0', 8)} }`, 'typed'],
    ]),
    chains('transport', ip('127.0.0.1'), [
      ['{ transport_protocol: raw_buffer }', 'raw'],
      ['{ application_protocols: [ http/1.1 ] }', 'http'],
      ['{}', 'any'],
    ]),
    chains('mask_bits', ip('127.0.0.1'), [[`{ source_prefix_ranges: ${range('127.255.255.255', 8)} }`, 'masked']]),
    chains('long_prefix', ip('127.0.0.1'), [[`{ source_prefix_ranges: ${range('127.0.0.1', 99)} }`, 'long']]),
    chains('six', ip('::1'), [
      [`{ source_prefix_ranges: ${range('127.0.0.1', 32)} }`, 'four'],
      [`{ source_prefix_ranges: ${range('::', 0)} }`, 'six any'],
      [`{ source_prefix_ranges: ${range('::1', 128)} }`, 'six'],
    ]),
  ],
  [cluster('main')],
)

function OPTIONS(): string {
  return `freebind: true
tcp_keepalive: { keepalive_probes: 3, keepalive_time: 10, keepalive_interval: 5 }
tcp_fast_open_queue_length: 3
socket_options: [ { level: 1, name: 9, int_value: 1, state: STATE_PREBIND }, { level: 6, name: 1, int_value: 1, state: STATE_LISTENING } ]`
}

const talk = (listener: string, host: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `address ${listener} by ${more.pipe ?? host}`,
  listener,
  host,
  steps: ['x', { waitFor: 'echo(x)' }],
  stats: STATS,
  ...more,
})
const listen = (listener: string, more: Partial<ParityCase> = {}): ParityCase =>
  talk(listener, '127.0.0.1', { steps: [{ waitClosed: true }], logLines: 0, ...more })

export const addressesSuite: ParitySuite = {
  name: 'l4 addresses',
  yaml,
  scripts: { main: { raw: true } },
  cases: [
    talk('ipv6', '::1'),
    talk('ipv6_long', '::1'),
    talk('any4', '127.0.0.1'),
    talk('any4', '127.0.0.5'),
    talk('any6', '::1'),
    talk('compat', '::1'),
    talk('compat', '127.0.0.1'),
    talk('mapped', '127.0.0.1'),
    listen('pipe', {
      pipe: '{{dir}}/a.sock',
      steps: [{ waitClosed: true }, { quietMs: 50 }, { file: 'pipe.log' }],
      normalize: [[/\/tmp\/[\w-]+\//g, '{{dir}}/']],
    }),
    listen('additional'),
    listen('additional', { pipe: '{{dir}}/b.sock' }),
    listen('options'),
    listen('shared'),
    listen('pipe_chains', { pipe: '{{dir}}/c.sock' }),
    ...['port_first', 'never_back', 'direct_source', 'type_before_ip', 'transport', 'mask_bits', 'long_prefix'].map(
      (name) => listen(name),
    ),
    listen('six', { host: '::1' }),
  ],
}

/** Which of the two workers a connection falls to is chance. */
const LIMIT_STATS = '^listener\\.\\w+\\.downstream'

/** The limit over all listeners, by the overload manager. */
export const globalLimitSuite: ParitySuite = {
  name: 'l4 global limit',
  yaml: bootstrap(
    [on('limited', ip('127.0.0.1')), on('ignoring', ip('127.0.0.1'), 'ignore_global_conn_limit: true')],
    [cluster('main')],
    `overload_manager:
  resource_monitors:
  - name: envoy.resource_monitors.global_downstream_max_connections
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
      max_active_downstream_connections: 2`,
  ).replace('port_value: 0 } } }', 'port_value: 0 } }, ignore_global_conn_limit: true }'),
  flags: ['--concurrency', '2'],
  scripts: { main: { raw: true } },
  cases: [
    talk('limited', '127.0.0.1', { name: 'global limit, below', stats: LIMIT_STATS, holdConnections: 1 }),
    listen('limited', { name: 'global limit, above', stats: LIMIT_STATS, holdConnections: 2, logLines: 0 }),
    talk('ignoring', '127.0.0.1', { name: 'global limit, ignored', stats: LIMIT_STATS, holdConnections: 3 }),
  ],
}
