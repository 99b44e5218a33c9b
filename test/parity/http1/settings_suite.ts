/** Settings of the connection manager in odd combinations: addresses, ids, names, paths, hosts, local replies, limits, timeouts. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { CRLF, get, getHost, head, OK, post, request, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpListener, routes } from '../yaml.ts'

const STATS = '^(http\\.|cluster\\.)'
const POST_HEAD = `POST / HTTP/1.1${CRLF}Host: a.test${CRLF}`
const TWO_OF_NINE = 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab'
const CIDR = 'type.googleapis.com/envoy.extensions.http.original_ip_detection'

const detection = (name: string, fields: string) => `
original_ip_detection_extensions:
- name: d
  typed_config: { "@type": ${CIDR}.${name}, ${fields} }`

const mutation = (mutations: string) => `
early_header_mutation_extensions:
- name: m
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
    mutations: [ ${mutations} ]`

const requestId = (fields: string) => `
always_set_request_id_in_response: true
request_id_extension:
  typed_config: { "@type": type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig, ${fields} }`

const status = (op: string, value: number) =>
  `status_code_filter: { comparison: { op: ${op}, value: { default_value: ${value}, runtime_key: k } } }`
const mapper = (filter: string, more: string) => `- filter: { ${filter} }\n  ${more}`
const localReply = (mappers: readonly string[], more = '') =>
  `local_reply_config:\n  mappers:\n${mappers.map((text) => text.replace(/^/gm, '  ')).join('\n')}\n${more}`
const textBody = (text: string) => `body: { inline_string: "${text}" }`

const addresses: Record<string, string> = {
  remote_internal:
    'use_remote_address: true\ninternal_address_config: { cidr_ranges: [ { address_prefix: 10.0.0.0, prefix_len: 8 }, { address_prefix: 127.0.0.0, prefix_len: 8 } ] }',
  xff_internal: 'internal_address_config: { cidr_ranges: [ { address_prefix: 10.0.0.0, prefix_len: 8 } ] }',
  unix_internal: 'internal_address_config: { unix_sockets: true }',
  remote_two_hops: 'use_remote_address: true\nxff_num_trusted_hops: 2',
  two_hops: 'xff_num_trusted_hops: 2\nskip_xff_append: true',
  port: 'append_x_forwarded_port: true\nuse_remote_address: true',
  custom_header: detection(
    'custom_header.v3.CustomHeaderConfig',
    'header_name: x-real-ip, allow_extension_to_set_address_as_trusted: true',
  ),
  custom_header_reject: detection(
    'custom_header.v3.CustomHeaderConfig',
    'header_name: x-real-ip, reject_with_status: { code: Unauthorized }',
  ),
  xff_append: detection('xff.v3.XffConfig', 'xff_num_trusted_hops: 0, skip_xff_append: false'),
  xff_cidrs: detection(
    'xff.v3.XffConfig',
    'xff_trusted_cidrs: { cidrs: [ { address_prefix: 127.0.0.0, prefix_len: 8 }, { address_prefix: 10.0.0.0, prefix_len: 8 } ] }, skip_xff_append: false',
  ),
  port_inside: 'append_x_forwarded_port: true',
  port_hops: 'append_x_forwarded_port: true\nuse_remote_address: true\nxff_num_trusted_hops: 1',
  xfcc_forward: 'forward_client_cert_details: ALWAYS_FORWARD_ONLY',
  xfcc_append: 'forward_client_cert_details: APPEND_FORWARD',
}

const names: Record<string, string> = {
  user_agent: 'add_user_agent: true\nuse_remote_address: true',
  agent_inside: 'add_user_agent: true',
  via: 'via: v1',
  always_id: 'always_set_request_id_in_response: true',
  id_no_pack: requestId('pack_trace_reason: false'),
  id_pack: requestId('pack_trace_reason: true, use_request_id_for_trace_sampling: false'),
  id_off: 'generate_request_id: false\nalways_set_request_id_in_response: true',
  server_spaces: 'server_name: "a b"',
  scheme_http: 'scheme_header_transformation: { scheme_to_overwrite: http }',
  scheme_match: 'scheme_header_transformation: { match_upstream: true }',
  early: mutation(
    '{ append: { header: { key: x-a, value: "%REQ(:path)%" } } }, { append: { header: { key: x-b, value: "b" }, append_action: ADD_IF_ABSENT } }, { append: { header: { key: x-c, value: "c" }, append_action: OVERWRITE_IF_EXISTS } }, { append: { header: { key: x-d, value: "d" }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } }, { remove: x-e }, { append: { header: { key: x-f, value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%" } } }, { append: { header: { key: x-g, value: "%REQ(none)%" } } }',
  ),
}

const paths: Record<string, string> = {
  merge: 'merge_slashes: true',
  normalize: 'normalize_path: true',
  keep: 'normalize_path: true\npath_with_escaped_slashes_action: KEEP_UNCHANGED',
  reject: 'normalize_path: true\nmerge_slashes: true\npath_with_escaped_slashes_action: REJECT_REQUEST',
  redirect: 'merge_slashes: true\npath_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT',
  forward: 'path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD',
  forward_all: 'normalize_path: true\nmerge_slashes: true\npath_with_escaped_slashes_action: UNESCAPE_AND_FORWARD',
  strip_any: 'strip_any_host_port: true',
  strip_matching: 'strip_matching_host_port: true',
  strip_dot: 'strip_trailing_host_dot: true',
}

const replies: Record<string, string> = {
  filters: localReply(
    [
      mapper(
        `and_filter: { filters: [ { ${status('GE', 400)} }, { header_filter: { header: { name: x-and, present_match: true } } } ] }`,
        textBody('and'),
      ),
      mapper(
        'or_filter: { filters: [ { header_filter: { header: { name: x-or1, present_match: true } } }, { header_filter: { header: { name: x-or2, present_match: true } } } ] }',
        textBody('or'),
      ),
      mapper('response_flag_filter: { flags: [ UF ] }', `status_code: 599\n  ${textBody('flagged')}`),
      mapper('response_flag_filter: { flags: [ NR ] }', textBody('no route %RESPONSE_CODE%')),
      mapper(status('EQ', 301), `status_code: 302\n  ${textBody('moved')}`),
      mapper(status('LE', 399), textBody('fine')),
      mapper('not_health_check_filter: {}', textBody('')),
    ],
    '',
  ),
  formats: localReply(
    [
      mapper(
        'header_filter: { header: { name: x-json, present_match: true } }',
        'body_format_override: { json_format: { "code": "%RESPONSE_CODE%", "nested": { "list": [ "%PROTOCOL%", 5, true, null ] }, "missing": "%REQ(none)%", "text": "a%LOCAL_REPLY_BODY%" }, content_type: "application/problem+json" }',
      ),
      mapper(
        'header_filter: { header: { name: x-text, present_match: true } }',
        'body_format_override: { text_format: "<h1>%LOCAL_REPLY_BODY% %REQ(none)%</h1>", content_type: "text/html; charset=UTF-8" }',
      ),
      mapper(
        'header_filter: { header: { name: x-omit, present_match: true } }',
        'body_format_override: { omit_empty_values: true, text_format_source: { inline_string: "[%REQ(none)%]" } }',
      ),
      mapper(
        'header_filter: { header: { name: x-type, present_match: true } }',
        'headers_to_add: [ { header: { key: content-type, value: "x/y" }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }, { header: { key: x-added, value: "%REQ(:authority)%" } }, { header: { key: x-added, value: "two" } }, { header: { key: server, value: "mine" } } ]',
      ),
      mapper(
        'header_filter: { header: { name: x-code, present_match: true } }',
        'status_code: 204\n  body: { inline_string: "body of a 204" }',
      ),
    ],
    '  body_format: { text_format_source: { inline_string: "%RESPONSE_CODE%:%LOCAL_REPLY_BODY%:%RESPONSE_CODE_DETAILS%:%RESPONSE_FLAGS%\\n" } }',
  ),
}

const limits: Record<string, string> = {
  headers_kb: 'max_request_headers_kb: 2',
  headers_count: 'common_http_protocol_options: { max_headers_count: 3 }',
  max_one: 'common_http_protocol_options: { max_requests_per_connection: 1 }',
  reject_underscores:
    'common_http_protocol_options: { headers_with_underscores_action: REJECT_REQUEST }\nhttp_protocol_options: { enable_trailers: true }',
  drop_underscores:
    'common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER }\nhttp_protocol_options: { enable_trailers: true }',
  stream_error:
    'stream_error_on_invalid_http_message: true\nnormalize_path: true\npath_with_escaped_slashes_action: REJECT_REQUEST',
  override_error: 'http_protocol_options: { override_stream_error_on_invalid_http_message: true }',
  override_strict:
    'stream_error_on_invalid_http_message: true\nhttp_protocol_options: { override_stream_error_on_invalid_http_message: false }',
  no_delay: 'delayed_close_timeout: 0s',
  request_timeout: 'request_timeout: 0.1s',
  headers_timeout: 'request_headers_timeout: 0.1s',
  idle_off: 'stream_idle_timeout: 0s\nrequest_timeout: 0s',
  stream_idle: 'stream_idle_timeout: 0.12s',
  max_stream: 'common_http_protocol_options: { max_stream_duration: 0.1s }',
  buffer: '',
}

const suiteRoutes = routes(`
- match: { path: "/direct" }
  direct_response: { status: 200, body: { inline_string: "direct" } }
- match: { path: "/direct404" }
  direct_response: { status: 404 }
- match: { path: "/direct503" }
  direct_response: { status: 503, body: { inline_string: "sorry" } }
- match: { path: "/redirect" }
  redirect: { path_redirect: "/there" }
- match: { path: "/refused" }
  route: { cluster: refused }
- match: { path: "/nocluster" }
  route: { cluster_header: x-cluster }
- match: { path: "/internal" }
  route: { cluster: main }
  request_headers_to_add: [ { header: { key: x-seen-scheme, value: "%REQ(:scheme)%" } } ]
- match: { path: "/idle" }
  route: { cluster: main, idle_timeout: 0.1s, timeout: 0s }
- match: { path: "/idle_off" }
  route: { cluster: main, idle_timeout: 0s, timeout: 0s }
- match: { path: "/duration" }
  route: { cluster: main, timeout: 0s, max_stream_duration: { max_stream_duration: 0.1s } }
- match: { path: "/duration_off" }
  route: { cluster: main, timeout: 0s, max_stream_duration: { max_stream_duration: 0s } }
- match: { path: "/limited" }
  route: { cluster: limited }
- match: { safe_regex: { regex: "/[^n].*|/|/nope?|/n" } }
  route: { cluster: main }
`)

const SHORT_CLOSE = 'delayed_close_timeout: 0.02s\n'
const yaml = bootstrap(
  Object.entries({ ...addresses, ...names, ...paths, ...replies, ...limits }).map(([name, hcm]) =>
    httpListener({
      name,
      hcm: `${hcm.includes('delayed_close') ? '' : SHORT_CLOSE}${hcm.trim()}`,
      virtualHosts: suiteRoutes,
      logFormat:
        '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% remote=%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% ' +
        'rx=%BYTES_RECEIVED% tx=%BYTES_SENT% id=%REQ(X-REQUEST-ID)% path=%REQ(:PATH)% host=%REQ(:AUTHORITY)% scheme=%REQ(:SCHEME)% ' +
        'end=%CONNECTION_TERMINATION_DETAILS%',
    }),
  ),
  [
    cluster('main'),
    cluster('refused', '', '1'),
    cluster(
      'limited',
      http1Options(
        'common_http_protocol_options: { max_response_headers_kb: 1, max_headers_count: 4 }\nexplicit_http_config: { http_protocol_options: {} }',
      ),
      '{{backend}}',
    ),
  ],
)

const on = (listener: string, cases: readonly ParityCase[]): ParityCase[] =>
  cases.map((one) => ({ listener, stats: STATS, ...one, name: `${listener}: ${one.name}` }))
const onEach = (listeners: readonly string[], cases: readonly ParityCase[]) =>
  listeners.flatMap((listener) => on(listener, cases))

/** The listener's own port stands in a field. */
function withoutPorts(cases: readonly ParityCase[]): ParityCase[] {
  return cases.map((one) => ({ ...one, normalize: [[/x-forwarded-port: \d{5}\b/g, 'x-forwarded-port: <port>']] }))
}

const XFFS = [
  '10.0.0.1',
  '8.8.8.8',
  '127.0.0.1',
  '10.0.0.1, 10.0.0.2',
  '8.8.8.8, 10.0.0.1',
  '8.8.8.8,10.0.0.1,127.0.0.1',
  '1.1.1.1, 2.2.2.2, 3.3.3.3',
  'garbage',
  '1.1.1.1, garbage',
  'garbage, 10.0.0.1',
  '::1',
  '[::1]',
  '10.0.0.1:8080',
  '',
  '10.0.0.1,',
  ' 10.0.0.1 ,  10.0.0.3 ',
]

const addressCases: ParityCase[] = withoutPorts([
  ...onEach(Object.keys(addresses), [
    ...XFFS.map((xff) => ({
      name: `xff "${xff}"`,
      steps: [get('/', `X-Forwarded-For: ${xff}`, 'x-envoy-retry-on: 5xx', 'x-envoy-original-path: /o')],
    })),
    ...[
      '127.0.0.2',
      '172.16.0.1',
      '172.32.0.1',
      '192.168.1.1',
      '169.254.1.1',
      'fd00::1',
      'fc00::1',
      '::ffff:10.0.0.1',
    ].map((xff) => ({
      name: `xff "${xff}"`,
      steps: [get('/', `X-Forwarded-For: ${xff}`)],
    })),
    { name: 'two fields', steps: [get('/', 'X-Forwarded-For: 8.8.8.8', 'X-Forwarded-For: 10.0.0.1')] },
    {
      name: 'none',
      steps: [
        get('/', 'x-envoy-internal: true', 'x-forwarded-port: 5', 'x-forwarded-host: h', 'x-forwarded-client-cert: c'),
      ],
    },
  ]),
  ...onEach(
    ['custom_header', 'custom_header_reject'],
    [
      { name: 'address', steps: [get('/', 'x-real-ip: 8.8.8.8')] },
      { name: 'IPv6 address', steps: [get('/', 'x-real-ip: 2001:db8::1')] },
      { name: 'address with port', steps: [get('/', 'x-real-ip: 8.8.8.8:99')] },
      { name: 'garbage', steps: [get('/', 'x-real-ip: x')] },
      { name: 'internal address', steps: [get('/', 'x-real-ip: 10.1.1.1', 'x-envoy-retry-on: 5xx')] },
    ],
  ),
])

const JOINED = [
  ['accept', 'user-agent', 'referer', 'via', 'x-request-id', 'x-forwarded-host', 'content-type', 'authorization'],
  ['accept-language', 'range', 'x-custom', 'if-match', 'origin', 'pragma', 'cache-control', 'x-envoy-attempt-count'],
  ['grpc-timeout', 'x-client-trace-id', 'x-forwarded-port', 'expect', 'x-real-ip', 'date', 'vary'],
]
const JOINED_ANSWERS = [
  ['etag', 'vary', 'set-cookie', 'location', 'cache-control', 'content-type', 'x-custom', 'link'],
  ['date', 'server', 'age', 'expires', 'www-authenticate', 'last-modified', 'grpc-status', 'x-envoy-degraded'],
]
const twice = (names: readonly string[]) =>
  names.flatMap((name) => [`${name}: 1`, `x-between-${name}: 1`, `${name}: 2`])

const nameCases: ParityCase[] = [
  ...on('merge', [
    ...JOINED.map((list) => ({ name: `repeats of ${list[0]} and others`, steps: [get('/', ...twice(list))] })),
    ...JOINED_ANSWERS.map((list) => ({
      name: `repeated in the answer: ${list[0]} and others`,
      steps: [get()],
      reply: response(200, 'ok', ...twice(list)),
    })),
    { name: 'first empty', steps: [get('/', 'accept:', 'accept: 2', 'accept:', 'accept: 3')] },
    ...[425, 599, 418, 451].map((code) => ({ name: `status ${code}`, steps: [get()], reply: response(code, 'x') })),
  ]),
  ...onEach(
    ['user_agent', 'agent_inside'],
    [
      { name: 'none', steps: [get()] },
      { name: 'given', steps: [get('/', 'User-Agent: curl')] },
      { name: 'empty', steps: [get('/', 'User-Agent:')] },
      {
        name: 'fields that are set',
        steps: [get('/', 'x-envoy-downstream-service-cluster: x', 'x-envoy-downstream-service-node: y')],
      },
    ],
  ),
  ...on('via', [
    { name: 'none', steps: [get()] },
    { name: 'both', steps: [get('/', 'Via: 1.0 a', 'Via: 1.1 b')], reply: response(200, 'ok', 'Via: 1.0 c', 'Via: d') },
    { name: 'empty', steps: [get('/', 'Via:')], reply: response(200, 'ok', 'Via:') },
    { name: 'local reply', steps: [get('/direct')] },
    { name: '103', steps: [get()], reply: `HTTP/1.1 103 E\r\nlink: x\r\n\r\n${OK}` },
  ]),
  ...onEach(
    ['always_id', 'id_no_pack', 'id_pack', 'id_off'],
    [
      { name: 'none', steps: [get()] },
      { name: 'given', steps: [get('/', 'X-Request-Id: abc')] },
      {
        name: 'a uuid given',
        steps: [get('/', 'X-Request-Id: a8b1c2d3-0000-9abc-8def-000000000000')],
        normalize: [[/a8b1c2d3/g, 'given']],
      },
      { name: 'empty', steps: [get('/', 'X-Request-Id:')] },
      { name: 'two given', steps: [get('/', 'X-Request-Id: a', 'X-Request-Id: b')] },
      { name: 'answer with one', steps: [get()], reply: response(200, 'ok', 'X-Request-Id: up') },
      { name: 'local reply', steps: [get('/direct', 'X-Request-Id: abc')] },
      {
        name: 'force trace',
        steps: [
          get(
            '/',
            'x-envoy-force-trace: 1',
            'X-Request-Id: a8b1c2d3-0000-4abc-8def-000000000000',
            'x-client-trace-id: t',
          ),
        ],
      },
      { name: 'bad request', steps: [get('/', 'a b')] },
    ],
  ),
  ...on('server_spaces', [{ name: 'a local reply', steps: [get('/direct')] }]),
  ...onEach(
    ['scheme_http', 'scheme_match'],
    [
      { name: 'plain', steps: [get('/internal')] },
      { name: 'https claimed', steps: [get('/internal', 'X-Forwarded-Proto: https')] },
      { name: 'odd scheme claimed', steps: [get('/internal', 'X-Forwarded-Proto: ftp')] },
      { name: 'two schemes claimed', steps: [get('/internal', 'X-Forwarded-Proto: https, http')] },
      { name: 'absolute target', steps: [get('https://b.test/internal')] },
    ],
  ),
  ...on('early', [
    { name: 'all set', steps: [get('/', ...'abcdefg'.split('').map((letter) => `x-${letter}: was`))] },
    { name: 'none set', steps: [get()] },
    {
      name: 'each twice',
      steps: [get('/', ...'abcde'.split('').flatMap((letter) => [`x-${letter}: 1`, `x-${letter}: 2`]))],
    },
  ]),
]

const PATHS = [
  '/a//b',
  '//a',
  '///',
  '//',
  '/a/..//b',
  '/a%2Fb',
  '/a%2fb%5Cc?d%2F=e',
  '/a%5cb',
  '/a\\b',
  '/a%252fb',
  '/a/%2e./b',
  '/a/%2E%2E/b',
  '/a/.%2e',
  '/a/...',
  '/a/.b/..c',
  '/..',
  '/../../a',
  '/a/./',
  '/.',
  '/%41%7A%2d%5F',
  '/%zz%4',
  '/%',
  '/a%3Fb',
  '/a%23b',
  '/a;x=1/../b',
  '/a?b/../c',
  '/a?',
  '/a%20b',
  '/a%80b',
  '/a|b',
  '/a%c3%a4',
  '/a%2f%2fb',
  '/a%2f..%2fb',
  '/a%0ab',
  '/a%7fb',
  '/a<b>',
  '/a/b/../../../c',
]
const HOSTS = [
  'a.test:80',
  'a.test.',
  'a.test..',
  'a.test.:80',
  'a.test:',
  'a.test:x',
  'a.test:080',
  '[::1]',
  '[::1]:80',
  '1.2.3.4:5',
  '.',
  '.:5',
  'a:1:2',
]
const pathCases: ParityCase[] = [
  ...onEach(
    ['merge', 'normalize', 'keep', 'reject', 'redirect', 'forward', 'forward_all'],
    PATHS.map((path) => ({ name: `path ${path}`, steps: [get(path)] })),
  ),
  ...on('redirect', [
    { name: 'POST', steps: [post('/a%2fb', 'abc')] },
    { name: 'HEAD', steps: [head('/a%2fb')] },
    { name: 'gRPC', steps: [request('POST', '/a%2fb', ['Content-Type: application/grpc', 'Content-Length: 0'])] },
    { name: 'absolute', steps: [get('http://b.test/a%2fb')] },
  ]),
  ...onEach(
    ['strip_any', 'strip_matching', 'strip_dot'],
    HOSTS.map((host) => ({ name: `host ${host}`, steps: [getHost(host)] })),
  ),
]

const replyCases: ParityCase[] = [
  ...on('filters', [
    { name: 'and', steps: [get('/direct503', 'x-and: 1')] },
    { name: 'and, half', steps: [get('/direct', 'x-and: 1')] },
    { name: 'or', steps: [get('/direct503', 'x-or2: 1')] },
    { name: 'flag UF', steps: [get('/refused')] },
    { name: 'flag NR', steps: [get('/no')] },
    { name: 'redirect', steps: [get('/redirect')] },
    { name: 'direct 200', steps: [get('/direct')] },
    { name: 'direct 404', steps: [get('/direct404')] },
    { name: 'bad request', steps: [get('/', 'a b')] },
    { name: 'no cluster', steps: [get('/nocluster')] },
    { name: 'gRPC', steps: [request('POST', '/refused', ['Content-Type: application/grpc', 'Content-Length: 0'])] },
    { name: 'upstream resets', steps: [get()], reply: [{ reset: true }] },
    { name: 'answer of upstream', steps: [get()], reply: response(503, 'mine') },
  ]),
  ...on('formats', [
    ...['/no', '/direct', '/direct404', '/direct503', '/refused', '/redirect'].flatMap((path) => [
      { name: `${path} plain`, steps: [get(path)] },
      ...['json', 'text', 'omit', 'type', 'code'].map((name) => ({
        name: `${path} ${name}`,
        steps: [get(path, `x-${name}: 1`)],
      })),
    ]),
    { name: 'HEAD', steps: [head('/no', 'x-json: 1')] },
    {
      name: 'gRPC',
      steps: [request('POST', '/no', ['Content-Type: application/grpc', 'Content-Length: 0', 'x-json: 1'])],
    },
    { name: 'bad request', steps: [get('/', 'a b')] },
    { name: '426', steps: ['GET / HTTP/1.0\r\nHost: a\r\n\r\n'] },
  ]),
]

const limitCases: ParityCase[] = [
  ...on('headers_kb', [
    ...[1900, 1980, 2000, 2010, 2020, 2048, 2100, 4000].map((length) => ({
      name: `target of ${length}`,
      steps: [get(`/${'a'.repeat(length)}`)],
    })),
    { name: 'many small', steps: [get('/', ...Array.from({ length: 90 }, (_, i) => `header-${i}: some value here`))] },
    {
      name: 'large trailers',
      steps: [`${request('POST', '/', ['Transfer-Encoding: chunked'])}0\r\na: ${'b'.repeat(2100)}\r\n\r\n`],
    },
    {
      name: 'in pieces',
      steps: [`GET / HTTP/1.1\r\nHost: a\r\nx: ${'a'.repeat(1500)}`, { quietMs: 20 }, 'b'.repeat(1000)],
    },
  ]),
  ...on('headers_count', [
    { name: 'three', steps: [get('/', 'a: 1', 'b: 1')] },
    { name: 'four', steps: [get('/', 'a: 1', 'b: 1', 'c: 1')] },
    { name: 'four with one name', steps: [get('/', 'a: 1', 'a: 1', 'a: 1')] },
    {
      name: 'four trailers',
      steps: [`${request('POST', '/', ['Transfer-Encoding: chunked'])}0\r\na: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\n\r\n`],
    },
  ]),
  ...on('max_one', [
    { name: 'one', steps: [get(), { waitClosed: true }] },
    { name: 'two in a pipeline', steps: [get() + get(), { waitClosed: true }] },
    { name: 'local reply', steps: [get('/direct'), { waitClosed: true }] },
  ]),
  ...onEach(
    ['reject_underscores', 'drop_underscores'],
    [
      { name: 'in a trailer', steps: [`${request('POST', '/', ['Transfer-Encoding: chunked'])}0\r\na_b: 1\r\n\r\n`] },
      { name: 'two', steps: [get('/', 'a_b: 1', '_: 2', 'c: 3')] },
      { name: 'in a value', steps: [get('/', 'a: b_c')] },
      { name: 'content_length', steps: [get('/', 'content_length: 5')] },
    ],
  ),
  ...onEach(
    ['stream_error', 'override_error', 'override_strict'],
    [
      { name: 'no host, then another', steps: [`GET / HTTP/1.1\r\n\r\n${get('/2')}`], logLines: 2 },
      {
        name: 'no host, with a body',
        steps: ['POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc', { quietMs: 20 }, get('/2')],
        logLines: 2,
      },
      { name: 'bad field', steps: [`${get('/', 'a b')}${get('/2')}`] },
      { name: 'escaped slash', steps: [get('/a%2fb') + get('/2')], logLines: 2 },
      { name: 'escaped NUL', steps: [get('/a%00b') + get('/2')], logLines: 2 },
      { name: 'bad transfer coding', steps: [`${get('/', 'Transfer-Encoding: x')}${get('/2')}`] },
      { name: 'old version', steps: [`GET / HTTP/1.0\r\nHost: a\r\n\r\n${get('/2')}`] },
      { name: 'bad chunk', steps: [`${request('POST', '/', ['Transfer-Encoding: chunked'])}x\r\n`, { quietMs: 30 }] },
      { name: 'direct 400', steps: [get('/direct') + get('/no')], logLines: 2 },
      { name: 'too many headers', steps: [get('/', ...Array.from({ length: 110 }, (_, i) => `h${i}: 1`))] },
      { name: 'fragment', steps: [get('/a#b') + get('/2')], logLines: 2 },
    ],
  ),
  ...on('no_delay', [
    { name: 'bad request', steps: [get('/', 'a b'), { waitClosed: true }] },
    { name: 'close', steps: [get('/', 'Connection: close'), { waitClosed: true }] },
    {
      name: 'early answer',
      steps: [`${POST_HEAD}Content-Length: 10${CRLF}${CRLF}abc`, { waitClosed: true }],
      reply: OK,
      replyAt: 'head',
    },
  ]),
  ...on('request_timeout', [
    { name: 'request complete in time', steps: [get(), { waitFor: 'ok' }], reply: [{ pauseMs: 150 }, OK] },
    { name: 'body too late', steps: [`${POST_HEAD}Content-Length: 3${CRLF}${CRLF}`, { waitClosed: true }] },
    {
      name: 'answer begun already',
      steps: [`${POST_HEAD}Content-Length: 3${CRLF}${CRLF}`, { waitClosed: true }],
      reply: TWO_OF_NINE,
      replyAt: 'head',
    },
    {
      name: 'direct response, body missing',
      steps: [`POST /direct HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n`, { waitClosed: true }],
    },
  ]),
  ...on('headers_timeout', [
    { name: 'one byte', steps: ['G', { waitClosed: true }] },
    { name: 'empty line', steps: ['\r\n', { waitClosed: true }] },
    { name: 'nothing', steps: [{ quietMs: 200 }], logLines: 0 },
    { name: 'second request', steps: [`${get()}GET`, { waitClosed: true }], logLines: 2 },
    { name: 'body may be late', steps: [`${POST_HEAD}Content-Length: 3${CRLF}${CRLF}`, { quietMs: 200 }, 'abc'] },
  ]),
  ...on('idle_off', [
    { name: 'idle by the route', steps: [get('/idle'), { waitFor: 'timeout' }], reply: [] },
    { name: 'duration by the route', steps: [get('/duration'), { waitFor: 'timeout' }], reply: [] },
    {
      name: 'duration by the route, in the request',
      steps: [`${POST_HEAD.replace('/ ', '/duration ')}Content-Length: 3${CRLF}${CRLF}`, { waitFor: 'timeout' }],
      reply: [],
    },
  ]),
  ...on('stream_idle', [
    { name: 'off by the route', steps: [get('/idle_off'), { waitFor: 'ok' }], reply: [{ pauseMs: 200 }, OK] },
    {
      name: 'kept by data',
      steps: [
        `${POST_HEAD}Content-Length: 3${CRLF}${CRLF}`,
        { quietMs: 80 },
        'a',
        { quietMs: 80 },
        'b',
        { quietMs: 80 },
        'c',
        { waitFor: 'ok' },
      ],
    },
    { name: 'in the request', steps: [`${POST_HEAD}Content-Length: 3${CRLF}${CRLF}`, { waitFor: 'timeout' }] },
    {
      name: 'while waiting, gRPC',
      steps: [request('POST', '/', ['Content-Type: application/grpc', 'Content-Length: 0']), { waitFor: '\r\n\r\n' }],
      reply: [],
    },
    { name: 'while waiting, HEAD', steps: [head(), { waitFor: '\r\n\r\n' }], reply: [] },
  ]),
  ...on('max_stream', [
    { name: 'longer by the route', steps: [get('/duration_off'), { waitFor: 'ok' }], reply: [{ pauseMs: 200 }, OK] },
    { name: 'in the request', steps: [`${POST_HEAD}Content-Length: 3${CRLF}${CRLF}`, { waitClosed: true }] },
    {
      name: 'gRPC',
      steps: [request('POST', '/', ['Content-Type: application/grpc', 'Content-Length: 0']), { waitFor: '\r\n\r\n' }],
      reply: [],
    },
  ]),
  ...on('buffer', [
    { name: 'large response head', steps: [get('/limited')], reply: response(200, 'ok', `x: ${'a'.repeat(1500)}`) },
    { name: 'response head that fits', steps: [get('/limited')], reply: response(200, 'ok', `x: ${'a'.repeat(900)}`) },
    {
      name: 'many response headers',
      steps: [get('/limited')],
      reply: response(200, 'ok', 'a: 1', 'b: 1', 'c: 1', 'd: 1'),
    },
    {
      name: 'as many response headers as fit',
      steps: [get('/limited')],
      reply: response(200, 'ok', 'a: 1', 'b: 1', 'c: 1'),
    },
    { name: 'response head of 61 KiB', steps: [get('/')], reply: response(200, 'ok', `x: ${'a'.repeat(61 * 1024)}`) },
    { name: 'response head of 59 KiB', steps: [get('/')], reply: response(200, 'ok', `x: ${'a'.repeat(59 * 1024)}`) },
    {
      name: '101 response headers',
      steps: [get('/')],
      reply: response(200, 'ok', ...Array.from({ length: 100 }, (_, i) => `h${i}: 1`)),
    },
    { name: 'request head of 59 KiB', steps: [get('/', `x: ${'a'.repeat(59 * 1024)}`)] },
    { name: 'request head of 61 KiB', steps: [get('/', `x: ${'a'.repeat(61 * 1024)}`)] },
  ]),
]

export const settingsSuite: ParitySuite = {
  name: 'settings',
  yaml,
  flags: ['--service-cluster', 'mycluster', '--service-node', 'mynode'],
  cases: [...addressCases, ...nameCases, ...pathCases, ...replyCases, ...limitCases],
}
