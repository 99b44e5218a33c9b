/** Mirrored requests whose backends answer in their own ways, or not at all, and requests that end before their copies. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, post, request, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpListener, routes } from '../yaml.ts'

const route = (path: string, shadow: string, more = '') =>
  `- { match: { prefix: "/${path}" }, route: { cluster: main, request_mirror_policies: [ { cluster: ${shadow} } ]${more} } }\n`
const upgrade = ', upgrade_configs: [ { upgrade_type: websocket } ]'
const table = routes(
  [
    ...['sick', 'silent', 'resetting', 'early', 'trailing', 'large', 'broken', 'redirecting'].map((name) =>
      route(name, name),
    ),
    route('timed', 'silent', ', timeout: 0.1s'),
    route('plain', 'shadow'),
    route('socket', 'shadow', upgrade),
    route('refusedsocket', 'sick', upgrade),
    route('cased', 'shadow'),
    route('proper', 'proper'),
    route('downstream', 'downstream'),
    route('lasting', 'lasting'),
  ].join(''),
)
const hcm = `
http_protocol_options:
  enable_trailers: true
  header_key_format: { stateful_formatter: { name: p, typed_config: { "@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig } } }
`
const preserveCase =
  'header_key_format: { stateful_formatter: { name: p, typed_config: { "@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig } }}'
const http1 = (fields: string) =>
  http1Options(`explicit_http_config: { http_protocol_options: { enable_trailers: true, ${fields} } }`)
const plain = http1('')

const STATS = '^(cluster\\.|http\\.async-client\\.)'
const one = (name: string, step: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `shadow: ${name}`,
  steps: [step],
  stats: STATS,
  ...more,
})
const half = 'POST /plain HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\n\r\nhalf'
const halfWay = { waitBackend: 'half' }
const answer = (text: string) => ({
  onRequest: ({ connection }: { connection: { send(data: string): void } }) => connection.send(text),
})

export const shadowAnswersSuite: ParitySuite = {
  name: 'shadow answers',
  yaml: bootstrap(
    [httpListener({ name: 'main', hcm, virtualHosts: table })],
    [
      cluster('main', http1(preserveCase)),
      cluster('shadow', http1(preserveCase)),
      ...['sick', 'silent', 'resetting', 'early', 'trailing', 'large', 'broken', 'redirecting'].map((name) =>
        cluster(name, plain),
      ),
      cluster('proper', http1('header_key_format: { proper_case_words: {} }'), '{{backend:shadow}}'),
      cluster('downstream', http1Options('use_downstream_protocol_config: {}'), '{{backend:shadow}}'),
      cluster(
        'lasting',
        http1Options(
          'common_http_protocol_options: { max_stream_duration: 0.1s }\nexplicit_http_config: { http_protocol_options: {} }',
        ),
        '{{backend:silent}}',
      ),
    ],
  ),
  backends: [
    'main',
    'shadow',
    'sick',
    'silent',
    'resetting',
    'early',

    'trailing',
    'large',
    'broken',
    'redirecting',
  ],
  scripts: {
    sick: answer(response(500, 'sick')),
    silent: { onRequest: () => {} },
    resetting: { onRequest: ({ connection }) => connection.reset() },
    early: { onHead: ({ connection }) => connection.send(response(200, 'early')), onRequest: () => {} },
    trailing: answer('HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\n\r\n'),
    large: answer(response(200, 'x'.repeat(3_000_000))),
    broken: answer('nonsense\r\n\r\n'),
    redirecting: answer(response(302, '', 'location: http://a.test/plain')),
  },
  cases: [
    ...[
      'sick',
      'resetting',
      'early',

      'trailing',
      'large',
      'broken',
      'redirecting',
      'silent',
      'proper',
      'downstream',
    ].flatMap((name) => [one(`/${name}`, get(`/${name}`)), one(`/${name} with a body`, post(`/${name}`, 'body'))]),
    one('timeout', get('/timed'), { quietMs: 250 }),
    one('timeout of a body', post('/timed', 'body'), { quietMs: 250 }),
    one('duration of the cluster', get('/lasting'), { quietMs: 250 }),
    one('names as they were written', get('/cased', 'X-CaMeL: 1')),
    one('trailers', `${request('POST', '/plain', ['Transfer-Encoding: chunked'])}3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n`),
    one('trailers alone', `${request('POST', '/plain', ['Transfer-Encoding: chunked'])}0\r\nX-T: 1\r\n\r\n`),
    { ...one('body in two parts', ''), steps: [half, halfWay, 'half'] },
    { ...one('client leaves half-way', ''), steps: [half, halfWay, { quietMs: 50 }, { reset: true }] },
    {
      ...one('client leaves before the answer', ''),
      steps: [post('/plain', 'half'), halfWay, { quietMs: 50 }, { reset: true }],
      reply: [{ pauseMs: 300 }, response(200, 'ok')],
    },
    { ...one('answered before the end', ''), steps: [half, { waitFor: 'ok' }, { quietMs: 50 }], replyAt: 'head' },
    {
      ...one('copy answered before the end', ''),
      steps: [half.replace('plain', 'early'), halfWay, { quietMs: 100 }, 'half'],
    },
    one('websocket', get('/socket', 'Connection: Upgrade', 'Upgrade: websocket'), {
      reply: 'HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    }),
    {
      ...one('websocket with data', ''),
      steps: [
        get('/socket', 'Connection: Upgrade', 'Upgrade: websocket'),
        { waitFor: '101' },
        { quietMs: 50 },
        'data',
        { waitFor: 'echo' },
      ],
      reply: 'HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    },
    {
      ...one('websocket that the copy is refused', ''),
      steps: [
        get('/refusedsocket', 'Connection: Upgrade', 'Upgrade: websocket'),
        { waitFor: '101' },
        { quietMs: 50 },
        'data',
        { waitFor: 'echo' },
      ],
      reply: 'HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    },
  ],
}
