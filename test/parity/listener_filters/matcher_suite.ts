/** Filter chains by `filter_chain_matcher`, and the listener filters that only count connections. */
import { clientHello } from '../../support/client_hello.ts'
import type { ParityCase } from '../case.ts'
import { accessLog, indent } from '../yaml.ts'
import {
  ECHO,
  httpInspector,
  LOG,
  listener,
  listenerFilter,
  proxyProtocol,
  sends,
  suite,
  tlsInspector,
} from './pieces.ts'

const NETWORK = 'type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3'
const XDS = 'type.googleapis.com/xds.type.matcher.v3'
const PREFIX = '%DOWNSTREAM_DIRECT_LOCAL_PORT%:%DOWNSTREAM_DIRECT_REMOTE_PORT%|'

const input = (name: string, fields = '') =>
  `input: { name: i, typed_config: { "@type": ${NETWORK}.${name}${fields} } }`
const chain = (name: string) =>
  `{ action: { name: a, typed_config: { "@type": type.googleapis.com/google.protobuf.StringValue, value: ${name} } } }`
const exact = (name: string, map: Readonly<Record<string, string>>, fields = '') =>
  `matcher_tree: { ${input(name, fields)}, exact_match_map: { map: { ${Object.entries(map)
    .map(([key, value]) => `${JSON.stringify(key)}: ${value}`)
    .join(', ')} } } }`

/** Chains `a` to `d`, and perhaps a default one. */
function matched(name: string, filters: readonly string[], matcher: string, fallback = ''): string {
  const chains = ['a', 'b', 'c', 'd'].map((each) => `- name: ${each}\n  filters:\n${indent(ECHO, 2)}`)
  return `
- name: ${name}
  stat_prefix: ${name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
  listener_filters:
${filters.map((filter) => indent(filter, 2)).join('\n')}
  access_log:
${indent(accessLog(LOG, PREFIX), 2)}
  filter_chain_matcher:
${indent(matcher, 4)}
  filter_chains:
${indent(chains.join('\n'), 2)}
${indent(fallback, 2)}
`
}

const byDefault = `default_filter_chain:\n  name: default\n  filters:\n${indent(ECHO, 2)}`
const ipTree = (name: string) => `
matcher_tree:
  ${input(name)}
  custom_match:
    name: ip
    typed_config:
      "@type": ${XDS}.IPMatcher
      range_matchers:
      - { ranges: [ { address_prefix: 10.0.0.0, prefix_len: 8 } ], on_match: ${chain('a')} }
      - { ranges: [ { address_prefix: 10.1.0.0, prefix_len: 16 } ], on_match: { matcher: { ${exact('DestinationPortInput', { '443': chain('b') })} } } }
      - { ranges: [ { address_prefix: 10.2.0.0, prefix_len: 16 } ], exclusive: true, on_match: { matcher: { ${exact('DestinationPortInput', { '443': chain('c') })} } } }
      - { ranges: [ { address_prefix: 10.2.3.0, prefix_len: 24 } ], on_match: { matcher: { ${exact('DestinationPortInput', { '1': chain('b') })} } } }
      - { ranges: [ { address_prefix: "2001:db8::", prefix_len: 32 }, { address_prefix: 10.3.0.0, prefix_len: 16 } ], on_match: ${chain('d')} }
`
const ipInput = `
matcher_list:
  matchers:
  - predicate:
      single_predicate:
        ${input('SourceIPInput')}
        custom_match:
          name: ip
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.matching.input_matchers.ip.v3.Ip
            cidr_ranges: [ { address_prefix: 1.2.0.0, prefix_len: 16 } ]
            stat_prefix: in
    on_match: ${chain('a')}
  - predicate:
      and_matcher:
        predicate:
        - single_predicate: { ${input('SourcePortInput')}, value_match: { prefix: "7" } }
        - not_matcher: { single_predicate: { ${input('DestinationIPInput')}, value_match: { exact: 10.0.0.9 } } }
    on_match: ${chain('b')}
  - predicate:
      or_matcher:
        predicate:
        - single_predicate: { ${input('DirectSourceIPInput')}, value_match: { exact: 9.9.9.9 } }
        - single_predicate: { ${input('SourceTypeInput')}, value_match: { exact: local } }
    on_match: ${chain('c')}
on_no_match: ${chain('d')}
`

const inputMatcher = (message: string, fields: string) =>
  `custom_match: { name: m, typed_config: { "@type": type.googleapis.com/envoy.extensions.matching.input_matchers.${message}, ${fields} } }`
const fractions = `
matcher_list:
  matchers:
  - predicate:
      single_predicate:
        ${input('SourceIPInput')}
        ${inputMatcher('consistent_hashing.v3.ConsistentHashing', 'threshold: 60, modulo: 100, seed: 7')}
    on_match: ${chain('a')}
  - predicate:
      single_predicate:
        ${input('DestinationIPInput')}
        ${inputMatcher('runtime_fraction.v3.RuntimeFraction', 'runtime_fraction: { default_value: { numerator: 500, denominator: TEN_THOUSAND }, runtime_key: limits.third }, seed: 3')}
    on_match: ${chain('b')}
  - predicate:
      single_predicate:
        ${input('SourcePortInput')}
        ${inputMatcher('runtime_fraction.v3.RuntimeFraction', 'runtime_fraction: { default_value: { numerator: 400000, denominator: MILLION } }')}
    on_match: ${chain('c')}
on_no_match: ${chain('d')}
`
const domainTree = `
matcher_tree:
  ${input('ServerNameInput')}
  custom_match:
    name: domains
    typed_config:
      "@type": ${XDS}.ServerNameMatcher
      domain_matchers:
      - { domains: [ "a.test", "*.b.test" ], on_match: ${chain('a')} }
      - { domains: [ "*.x.b.test" ], on_match: { matcher: { ${exact('SourceTypeInput', { remote: chain('b') })} } } }
      - { domains: [ "exact.x.b.test" ], on_match: { matcher: { ${exact('SourceTypeInput', { remote: chain('b') })} } } }
      - { domains: [ "*.local.test" ], on_match: { matcher: { ${exact('SourceTypeInput', { local: chain('c') })} } } }
      - { domains: [ "*" ], on_match: ${chain('d')} }
`
const statsMatchers = {
  stats_none: '{ reject_all: true }',
  stats_all: '{ reject_all: false }',
  stats_without:
    '{ exclusion_list: { patterns: [ { prefix: listener.stats_without.downstream_cx_t }, { contains: sni } ] } }',
  stats_with:
    '{ inclusion_list: { patterns: [ { suffix: downstream_cx_total }, { exact: tls_inspector.tls_found } ] } }',
}

const listeners = [
  matched('domains', [tlsInspector()], domainTree, byDefault),
  matched('name', [tlsInspector()], exact('ServerNameInput', { 'a.test': chain('a'), '': chain('b') })),
  matched(
    'nested',
    [tlsInspector()],
    exact('TransportProtocolInput', {
      tls: `{ matcher: { ${exact('ServerNameInput', { 'a.test': chain('a') })}, on_no_match: ${chain('b')} } }`,
      raw_buffer: chain('c'),
    }),
    byDefault,
  ),
  matched(
    'protocols',
    [tlsInspector(), httpInspector()],
    exact('ApplicationProtocolInput', { "'h2','http/1.1'": chain('a'), "'http/1.1'": chain('b'), "'h2c'": chain('c') }),
    byDefault,
  ),
  matched('ip', [proxyProtocol()], ipTree('DestinationIPInput'), byDefault),
  matched('predicates', [proxyProtocol()], ipInput),
  matched('fractions', [proxyProtocol()], fractions),
  matched(
    'port',
    [proxyProtocol()],
    exact('DestinationPortInput', { '443': chain('a'), '444': chain('missing') }),
    byDefault,
  ),
  matched(
    'state',
    [proxyProtocol('rules: [ { tlv_type: 2, on_tlv_present: { key: authority } } ]\ntlv_location: FILTER_STATE')],
    exact('FilterStateInput', { '{"authority":"a.test"}': chain('a') }, ', key: envoy.network.proxy_protocol.tlv'),
    byDefault,
  ),
  matched(
    'state_field',
    [proxyProtocol('rules: [ { tlv_type: 2, on_tlv_present: { key: authority } } ]\ntlv_location: FILTER_STATE')],
    exact('FilterStateInput', { 'a.test': chain('a') }, ', key: envoy.network.proxy_protocol.tlv, field: authority'),
    byDefault,
  ),
  ...Object.entries(statsMatchers).map(([name, matcher]) =>
    listener(name, [tlsInspector()], {}, `stats_matcher: ${matcher}`),
  ),
  listener('limited', [
    listenerFilter(
      'local_ratelimit',
      'LocalRateLimit',
      'stat_prefix: lim\ntoken_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: 3600s }',
    ),
  ]),
  listener('limited_off', [
    listenerFilter(
      'local_ratelimit',
      'LocalRateLimit',
      'stat_prefix: lim2\ntoken_bucket: { max_tokens: 1, fill_interval: 3600s }\nruntime_enabled: { runtime_key: limits.on, default_value: true }',
    ),
  ]),
]

const to = (destination: string, port = 443, source = '9.2.3.4', sourcePort = 5678) =>
  `PROXY TCP4 ${source} ${destination} ${sourcePort} ${port}\r\ndata`

const cases: ParityCase[] = [
  ...[
    'a.test',
    'A.TEST',
    'b.test',
    'y.b.test',
    'z.y.b.test',
    'y.x.b.test',
    'exact.x.b.test',
    'x.local.test',
    'other.test',
    '.b.test',
  ].map((name) => sends(`domain ${name}`, 'domains', clientHello({ serverName: name }))),
  sends('domain absent', 'domains', clientHello()),
  sends('domain of plain text', 'domains', 'hello world'),
  sends('name found', 'name', clientHello({ serverName: 'A.test' })),
  sends('name not found', 'name', clientHello({ serverName: 'b.test' })),
  sends('name absent', 'name', clientHello()),
  sends('nested found', 'nested', clientHello({ serverName: 'a.test' })),
  sends('nested no match', 'nested', clientHello({ serverName: 'b.test' })),
  sends('nested plain', 'nested', 'hello world'),
  sends('protocols both', 'protocols', clientHello({ protocols: ['h2', 'http/1.1'] })),
  sends('protocols other order', 'protocols', clientHello({ protocols: ['http/1.1', 'h2'] })),
  sends('protocols one', 'protocols', clientHello({ protocols: ['http/1.1'] })),
  sends('protocols of plain HTTP', 'protocols', 'GET / HTTP/1.1\r\n\r\n'),
  sends('protocols of a preface', 'protocols', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  sends('protocols none', 'protocols', clientHello()),
  sends('ip in the wide range', 'ip', to('10.9.0.1')),
  sends('ip in the narrow range', 'ip', to('10.1.0.1')),
  sends('ip in the narrow range that leads nowhere', 'ip', to('10.1.0.1', 80)),
  sends('ip in the exclusive range', 'ip', to('10.2.0.1')),
  sends('ip in the exclusive range that leads nowhere', 'ip', to('10.2.0.1', 80)),
  sends('ip in a narrow range of the exclusive one', 'ip', to('10.2.3.1', 1)),
  sends('ip in a narrow range of the exclusive one that leads nowhere', 'ip', to('10.2.3.1', 443)),
  sends('ip in one of two ranges', 'ip', to('10.3.0.1')),
  sends('ip of version 6', 'ip', 'PROXY TCP6 ::2 2001:db8::1 1 2\r\ndata'),
  sends('ip in no range', 'ip', to('11.0.0.1')),
  sends('predicates: source range', 'predicates', to('10.0.0.1', 443, '1.2.3.4')),
  sends('predicates: source port', 'predicates', to('10.0.0.1', 443, '9.2.3.4', 7000)),
  sends('predicates: source port, but that destination', 'predicates', to('10.0.0.9', 443, '9.2.3.4', 7000)),
  sends('predicates: loopback', 'predicates', to('10.0.0.9', 443, '127.0.0.1')),
  sends('predicates: another address of this machine', 'predicates', to('10.0.0.9', 443, '127.0.0.2')),
  sends('predicates: same address', 'predicates', to('10.0.0.9', 443, '10.0.0.9')),
  sends('predicates: none', 'predicates', to('10.0.0.9')),
  ...Array.from({ length: 12 }, (_, i) =>
    sends(`fractions: client ${i}`, 'fractions', to(`10.0.0.${i}`, 443, `9.2.3.${i}`, 5000 + i)),
  ),
  sends('port found', 'port', to('10.0.0.1')),
  sends('port of a missing chain', 'port', to('10.0.0.1', 444)),
  sends('port not found', 'port', to('10.0.0.1', 445)),
  sends(
    'state found',
    'state',
    Buffer.from(
      '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x15\x01\x02\x03\x04\x0a\0\0\x01\0\x01\0\x02\x02\0\x06a.testdata',
      'latin1',
    ),
  ),
  sends('state not found', 'state', to('10.0.0.1')),
  sends(
    'state field found',
    'state_field',
    Buffer.from(
      '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x15\x01\x02\x03\x04\x0a\0\0\x01\0\x01\0\x02\x02\0\x06a.testdata',
      'latin1',
    ),
  ),
  ...Object.keys(statsMatchers).map((name) => ({
    ...sends(`stats_matcher ${name}`, name, clientHello({ serverName: 'a.test' })),
    stats: `listener.${name}|tls_inspector`,
  })),
  sends('rate limit: the first', 'limited', 'data'),
  sends('rate limit: the second', 'limited', '', { steps: [{ waitClosed: true }] }),
  sends('rate limit off: the first', 'limited_off', 'data'),
  sends('rate limit off: the second', 'limited_off', 'data'),
]

export const matcherSuite = suite(
  'filter_chain_matcher',
  listeners,
  cases,
  'layered_runtime: { layers: [ { name: s, static_layer: { limits.on: false, limits.third: 30 } } ] }',
)
