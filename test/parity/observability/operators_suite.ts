/** Every operator of access logs, in text and in JSON, for HTTP requests of many kinds and for TCP connections. */
import { operatorSpecs } from '../../../src/access_log/operators/all.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { LOG_PREFIX } from '../driver.ts'
import { chunkedResponse, get, response } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent } from '../yaml.ts'

const FILE_LOG = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog'
const TCP_PROXY = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'
const ECHO = 'type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo'

/** Arguments to try; an operator that is not named here stands alone. '' is no argument. */
const operatorArguments: Readonly<Record<string, readonly string[]>> = {
  REQ: ['x-a', 'X-A?Y', ':SCHEME', 'host', ':protocol', 'x-empty'],
  RESP: ['x-up', ':status'],
  TRAILER: ['t'],
  QUERY_PARAM: ['q'],
  ENVIRONMENT: ['NUNCIO_NO_SUCH_VARIABLE'],
  COMMON_DURATION: ['DS_RX_BEG:DS_RX_BEG:ns', 'DS_RX_BEG:nope', 'US_TX_BEG:US_TX_BEG:us', 'US_TX_END:US_TX_END'],
  DYNAMIC_METADATA: ['a', 'a:b'],
  CLUSTER_METADATA: ['cm', 'cm:k', 'cm:k:s', 'cm:n', 'cm:l', 'cm:nul', 'cm:nope', 'cm:f'],
  UPSTREAM_METADATA: ['um', 'um:k'],
  METADATA: ['ROUTE:rm', 'ROUTE:rm:k', 'CLUSTER:cm:k', 'LISTENER:lm', 'VIRTUAL_HOST:vm:k', 'DYNAMIC:a'],
  FILTER_STATE: ['a', 'a:PLAIN', 'a:FIELD:x'],
  UPSTREAM_FILTER_STATE: ['a'],
  XFCC_VALUE: ['by', 'uri', 'hash', 'subject'],
  REQUEST_HEADER: ['x-a'],
  RESPONSE_HEADER: ['x-up'],
  RESPONSE_TRAILER: ['t'],
  STREAM_INFO_REQ: ['x-a'],
  PATH: ['', 'NQ', 'WQ', 'WQ:PATH', 'NQ:ORIG', ':ORIG'],
  QUERY_PARAMS: ['', 'ORIG', 'DECODED'],
  GRPC_STATUS: ['', 'CAMEL_STRING', 'SNAKE_STRING', 'NUMBER'],
  RESPONSE_CODE_DETAILS: ['', 'ALLOW_WHITESPACES'],
  REQUESTED_SERVER_NAME: ['', 'SNI_FIRST', 'HOST_FIRST', 'SNI_FIRST:HOST', 'HOST_FIRST:ORIG'],
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: ['', '8', '0', '33'],
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: ['', '24'],
  START_TIME: ['%Y', 'literal', '%m/%d', '%%', '%Q', '%Ez', '%z', '%Z', '%C', '%D', '%F', '%h', '%u', '%G', '%E4Y'],
  COALESCE: ['{"operators":["REQUESTED_SERVER_NAME","PROTOCOL"]}', '{"operators":[{"command":"REQ","param":"x-a"}]}'],
}

/** Different on any two processes, or not ours to show. */
const leftOut = /^(HOSTNAME|START_TIME_LOCAL|EMIT_TIME|EMIT_TIME_LOCAL|CEL|TYPED_CEL)$/

const operators = [...operatorSpecs.keys()]
  .filter((name) => !leftOut.test(name))
  .concat('COALESCE')
  .flatMap((name) => (operatorArguments[name] ?? ['']).map((argument) => withArgument(name, argument)))
  .concat('%REQ(x-a):1%', '%RESP(x-up):2%', '%PATH:3%', '%QUERY_PARAM(q):1%')

function withArgument(name: string, argument: string): string {
  return argument === '' ? `%${name}%` : `%${name}(${argument})%`
}

/** One operator a line would part the lines of one request: they stand in one, with a mark between. */
function formatOf(names: readonly string[]): string {
  return names.map((name) => `${name.slice(1, -1).replaceAll('%', '%%')}=${name}`).join(' | ')
}

const metadata = (key: string) =>
  `{ filter_metadata: { ${key}: { k: { "s": "a\\"b/c<d>", n: 1 }, n: 1.5, l: [1, two, true], nul: null, f: "text\\twith \\u00e9 \\"q\\" \\\\ back" } } }`

const virtualHosts = `
- name: all
  domains: ["*"]
  metadata: ${metadata('vm')}
  routes:
  - { match: { prefix: "/direct" }, direct_response: { status: 404, body: { inline_string: "no" } }, name: direct, metadata: ${metadata('rm')} }
  - { match: { prefix: "/refused" }, route: { cluster: refused }, name: refused }
  - { match: { prefix: "/" }, route: { cluster: main, prefix_rewrite: "/re" }, name: all, metadata: ${metadata('rm')} }
`

const jsonFormats: Readonly<Record<string, string>> = {
  values:
    '{ lit: "q\\"b\\\\s\\tt\\nn\\u007fd\\u00e9e/<>&\\u0001", "k\\"ey\\t": x, mixed: "a\\"%REQ(x-q)%\\t\\u00e9", m: "%METADATA(ROUTE:rm)%", mk: "%METADATA(ROUTE:rm:k)%", f: "%METADATA(ROUTE:rm:f)%", mf: "x%METADATA(ROUTE:rm:f)%x", mm: "x%METADATA(ROUTE:rm)%", q: "%REQ(x-q)%", u: "%REQ(x-u)%", t: "%REQ(x-q)%%REQ(x-u)%", qp: "%QUERY_PARAM(z)%", num: 1e21, num2: 0.1, neg: -5, yes: true, "no": null }',
  empty_parts:
    '{ a: "%REQ(nope)%", b: { c: "%REQ(nope)%" }, d: [ "%REQ(nope)%", "x%REQ(nope)%y" ], e: "", f: "%REQ(nope)%%REQ(nope)%", g: null, h: {}, i: [], n: "%RESPONSE_CODE%", n2: "%RESPONSE_CODE%%BYTES_SENT%", coal: "%COALESCE({\\"operators\\":[\\"RESPONSE_CODE\\"]})%", gs: "%GRPC_STATUS%", at: "%ACCESS_LOG_TYPE%" }',
  empty: '{}',
}
const omitting =
  '{ a: "%REQ(nope)%", b: { c: "%REQ(nope)%" }, d: [ "%REQ(nope)%", "x%REQ(nope)%y", "%RESPONSE_FLAGS%" ], e: "", f: "%REQ(nope)%%REQ(nope)%", g: null, h: {}, i: [], j: "%RESPONSE_FLAGS%" }'

/** What can be told of a moment without its hours: both proxies log within the same ones, nearly always. */
const dates = [...'aAbBCdDeFgGhjmntuUVwWxyYzZ']
  .filter((letter) => letter !== 'n')
  .concat(
    'EY',
    'Ey',
    'Ed',
    'ES',
    'Od',
    'OU',
    'E4Y',
    'E*z',
    ':z',
    '-d',
    '_d',
    '10Y',
    '-m',
    '0e',
    '^a',
    '#a',
    '5d',
    '_5d',
    '-5d',
  )
  .concat('12a', '#Z', 'q', 'L', 'd/%b/%Y', '^b %-j')
  .map((letter) => `${letter.replaceAll('%', '')}=%START_TIME(%${letter})%`)
  .join(' | ')

const fileFormats: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(jsonFormats).map(([name, format]) => [`json_${name}`, `log_format: { json_format: ${format} }`]),
  ),
  json_omit: `log_format: { json_format: ${omitting}, omit_empty_values: true }`,
  json_unsorted:
    'log_format: { json_format: { z: 1, a: { y: "%PROTOCOL%", b: 2 }, M: 3 }, json_format_options: { sort_properties: false } }',
  json_sorted:
    'log_format: { json_format: { z: 1, a: { y: "%PROTOCOL%", b: 2 }, M: 3 }, json_format_options: { sort_properties: true } }',
  json_old: 'json_format: { a: "%RESPONSE_CODE%", c: "%REQ(nope)%" }',
  json_typed: 'typed_json_format: { a: { b: "%RESPONSE_CODE%" }, c: "%REQ(nope)%" }',
  text_omit:
    'log_format: { omit_empty_values: true, text_format_source: { inline_string: "[%REQ(nope)%|%RESPONSE_FLAGS%|%METADATA(ROUTE:rm:nul)%|%GRPC_STATUS%|%UPSTREAM_TRANSPORT_FAILURE_REASON%|%REQ(x-empty)%|%TRAILER(a)%|%ROUTE_NAME%]\\n" } }',
  text_no_newline: 'log_format: { text_format_source: { inline_string: "no newline %REQ(x-q)% %REQ(x-u)%" } }',
  text_dates: `log_format: { text_format_source: { inline_string: ${JSON.stringify(`${dates}\n`)} } }`,
  text_bytes: 'log_format: { text_format_source: { inline_bytes: "JVBST1RPQ09MJQo=" } }',
}

function fileListener(name: string, format: string): string {
  const log = `- name: f\n  typed_config:\n    "@type": ${FILE_LOG}\n    path: "{{dir}}/${name}.log"\n    ${format}`
  return httpListener({ name, virtualHosts }).replace(
    '        access_log:\n',
    `        access_log:\n${indent(log, 8)}\n`,
  )
}

const tcpOperators = operators.filter((name) => !/START_TIME/.test(name))

function tcpListener(name: string, filter: string, logOfListener = ''): string {
  return `
- name: ${name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
${indent(logOfListener, 2)}
  filter_chains:
  - filters:
    - { name: f, typed_config: ${filter} }
`
}

const tcpLog = `access_log: [ { name: f, typed_config: { "@type": ${FILE_LOG}, path: "{{dir}}/access.log", log_format: { text_format_source: { inline_string: ${JSON.stringify(`${LOG_PREFIX}${formatOf(tcpOperators)}\n`)} } } } } ]`
const tcpProxy = (clusterName: string) =>
  `{ "@type": ${TCP_PROXY}, stat_prefix: ${clusterName}, cluster: ${clusterName}, ${tcpLog} }`

const yaml = bootstrap(
  [
    httpListener({
      name: 'main',
      listener: `metadata: ${metadata('lm')}`,
      hcm: 'delayed_close_timeout: 0.02s\nhttp_protocol_options: { enable_trailers: true }',
      logFormat: formatOf(operators),
      virtualHosts,
    }),
    ...Object.entries(fileFormats).map(([name, format]) => fileListener(name, format)),
    tcpListener('tcp', tcpProxy('main')),
    tcpListener('tcp_refused', tcpProxy('refused')),
    tcpListener('tcp_no_cluster', tcpProxy('nope')),
    tcpListener('echo', `{ "@type": ${ECHO} }`, tcpLog),
  ],
  [cluster('main', `metadata: ${metadata('cm')}`), cluster('refused', '', '1')],
)

const NOISE: [RegExp, string][] = [
  [/(DURATION[^=|]*)=-?\d+/g, '$1=N'],
  [/(TLS_SESSION_ID)=[0-9a-f]{64}/g, '$1=<id>'],
  [/(CONNECTION_IDS?(_ATTEMPTED)?)=\d+/g, '$1=N'],
  [/(STREAM_ID|UNIQUE_ID)=\S+/g, '$1=U'],
  [/((?:UPSTREAM|DOWNSTREAM)_[A-Z_]*(?:PORT|ADDRESS))=(127.0.0.1:)?\d+/g, '$1=$2P'],
  [/(RTT|TIME_US)=\d+/g, '$1=N'],
  // The digits of the service time.
  [/(DOWNSTREAM_WIRE_BYTES_SENT|[A-Z_]*HEADER_BYTES_SENT|RESPONSE_HEADERS_BYTES)=\d+/g, '$1=N'],
]

const over = (name: string, steps: ParityCase['steps'], more: Partial<ParityCase> = {}): ParityCase => ({
  name: `all operators, ${name}`,
  steps,
  normalize: NOISE,
  ...more,
})
const xfcc = 'x-forwarded-client-cert: By=http://b;Hash=abc;Subject="a,b";URI=u1,By=second'

const httpCases: ParityCase[] = [
  over('GET', [get('/a/b?q=1%20x&r=2', 'X-A: one', xfcc, 'x-empty:')], { reply: response(200, 'hello', 'X-Up: 1val') }),
  over(
    'chunks both ways',
    ['POST /p HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x\r\nabc\r\n0\r\n\r\n'],
    { reply: chunkedResponse('hello', 'x'.repeat(20)) },
  ),
  over('trailers', [get('/t', 'te: trailers')], {
    reply: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nt: v1\r\n\r\n',
  }),
  over('gRPC', [get('/g', 'content-type: application/grpc')], {
    reply: response(200, '', 'grpc-status: 7', 'content-type: application/grpc'),
  }),
  over('direct response', [get('/direct?x')]),
  over('refused', [get('/refused')]),
  over('upstream reset', [get('/r')], { reply: [{ reset: true }] }),
]

const fileCases: ParityCase[] = Object.keys(fileFormats).map((name) => ({
  name: `format ${name}`,
  listener: name,
  steps: [
    get('/a?z=%22%09%c3%a9%ff', 'x-q: a"b\\c\td', 'x-u: \xc3\xa9\xff', 'x-empty:'),
    { waitFor: 'ok' },
    { file: `${name}.log` },
  ],
}))

const tcpCases: ParityCase[] = [
  over('TCP', [get('/'), { waitFor: 'ok' }], { listener: 'tcp' }),
  over('TCP refused', [{ waitClosed: true }], { listener: 'tcp_refused' }),
  over('TCP without cluster', [{ waitClosed: true }], { listener: 'tcp_no_cluster' }),
  over('echo', ['hello', { waitFor: 'hello' }], { listener: 'echo' }),
]

export const operatorsSuite: ParitySuite = {
  name: 'access log operators',
  yaml,
  cases: [...httpCases, ...fileCases, ...tcpCases],
}
