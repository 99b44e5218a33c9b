/** A client that leaves, dawdles or goes silent at every step of a request and of its response, on both proxies. */
import type { ParityCase, ParitySuite, ReplyStep, Step } from '../parity/case.ts'
import { CRLF, get, OK, post } from '../parity/requests.ts'
import { bootstrap, cluster, httpListener, routes } from '../parity/yaml.ts'

const STATS = '^(http\\.\\w+\\.downstream_(rq|cx)|cluster\\.\\w+\\.upstream_rq).*[^s]$'
const POST_HEAD = `POST / HTTP/1.1${CRLF}Host: a.test${CRLF}`
const CHUNKED_POST = `${POST_HEAD}Transfer-Encoding: chunked${CRLF}${CRLF}`
const SIZED_POST = `${POST_HEAD}Content-Length: 10${CRLF}${CRLF}`
const CHUNKED = `HTTP/1.1 200 OK${CRLF}transfer-encoding: chunked${CRLF}${CRLF}`
const SETTLE: Step = { quietMs: 30 }
/** The backend never answers. */
const SILENT: readonly ReplyStep[] = []

const ends: readonly [string, Step][] = [
  ['sends FIN', { halfClose: true }],
  ['resets', { reset: true }],
]

/** The client does `steps` and leaves. */
function leaving(name: string, steps: readonly Step[], more: Partial<ParityCase> = {}): ParityCase[] {
  return ends.map(([word, end]) => ({
    name: `client ${word} ${name}`,
    steps: [...steps, SETTLE, end, SETTLE],
    reply: SILENT,
    stats: STATS,
    ...more,
  }))
}

const inTheRequest: readonly ParityCase[] = [
  ...leaving('before it has sent anything', [], { logLines: 0 }),
  ...leaving('after an empty line', ['\r\n']),
  ...leaving('in the method', ['GE']),
  ...leaving('in the request line', ['GET / HT']),
  ...leaving('after the request line', [`GET / HTTP/1.1${CRLF}`]),
  ...leaving('in a header', [`GET / HTTP/1.1${CRLF}Host: a.te`]),
  ...leaving('before the empty line', [`GET / HTTP/1.1${CRLF}Host: a.test${CRLF}`]),
  ...leaving('before the last LF', [`GET / HTTP/1.1${CRLF}Host: a.test${CRLF}\r`]),
  ...leaving('after the head of a sized body', [SIZED_POST, { waitBackend: 'POST' }]),
  ...leaving('in a sized body', [SIZED_POST, 'hello', { waitBackend: 'hello' }]),
  ...leaving('after the head of a chunked body', [CHUNKED_POST, { waitBackend: 'POST' }]),
  ...leaving('in a chunk size', [`${CHUNKED_POST}5`, { waitBackend: 'POST' }]),
  ...leaving('in a chunk', [`${CHUNKED_POST}5${CRLF}he`, { waitBackend: 'he' }]),
  ...leaving('after a chunk', [`${CHUNKED_POST}5${CRLF}hello${CRLF}`, { waitBackend: 'hello' }]),
  ...leaving('before the last CRLF of chunks', [
    `${CHUNKED_POST}5${CRLF}hello${CRLF}0${CRLF}`,
    { waitBackend: 'hello' },
  ]),
  ...leaving('in the trailers', [`${CHUNKED_POST}0${CRLF}x-t: `, { waitBackend: 'POST' }]),
]

const inTheResponse: readonly ParityCase[] = [
  ...leaving('while it waits for the answer', [get(), { waitBackend: 'GET' }]),
  ...leaving('while it waits for the answer to a POST', [post('/', 'hello'), { waitBackend: 'hello' }]),
  ...leaving('in a sized answer', [get(), { waitFor: 'abc' }], {
    reply: [`HTTP/1.1 200 OK${CRLF}content-length: 9${CRLF}${CRLF}abc`],
  }),
  ...leaving('in a chunked answer', [get(), { waitFor: 'abc' }], { reply: [`${CHUNKED}3${CRLF}abc${CRLF}`] }),
  ...leaving('in an answer without length', [get(), { waitFor: 'abc' }], {
    reply: [`HTTP/1.1 200 OK${CRLF}${CRLF}abc`],
  }),
  ...leaving('after the answer', [get(), { waitFor: 'ok' }], { reply: [OK] }),
  ...leaving('in the head of its second request', [get(), { waitFor: 'ok' }, 'GET / H'], { reply: [OK], logLines: 2 }),
  ...leaving(
    'while its upgrade waits',
    [
      `GET / HTTP/1.1${CRLF}Host: a${CRLF}Connection: upgrade${CRLF}Upgrade: websocket${CRLF}${CRLF}`,
      { waitBackend: 'GET' },
    ],
    { listener: 'tunnels' },
  ),
  ...leaving('with the next request sent', [`${get()}${get('/two')}`, { waitBackend: 'GET' }]),
  ...leaving('with half of the next request sent', [`${get()}GET /two`, { waitBackend: 'GET' }]),
]

const pipelines: readonly ParityCase[] = [
  { name: 'pipeline of five', steps: [[1, 2, 3, 4, 5].map((i) => get(`/${i}`)).join('')], logLines: 5, stats: STATS },
  {
    name: 'pipeline of five, answered slowly',
    steps: [[1, 2, 3, 4, 5].map((i) => get(`/${i}`)).join(''), { waitCount: ['ok', 5] }],
    reply: [{ pauseMs: 10 }, OK],
    logLines: 5,
    stats: STATS,
  },
  {
    name: 'pipeline in single bytes',
    steps: [...`${get('/1')}${post('/2', 'hello')}${get('/3')}`],
    logLines: 3,
  },
  {
    name: 'pipeline with a body behind a slow answer',
    steps: [
      `${get('/1')}${POST_HEAD}Content-Length: 10${CRLF}${CRLF}hello`,
      { waitBackend: 'GET' },
      'world',
      { waitCount: ['ok', 2] },
    ],
    reply: [{ pauseMs: 30 }, OK],
    logLines: 2,
  },
  {
    name: 'pipeline, the first asks to close',
    steps: [`${get('/1', 'Connection: close')}${get('/2')}`],
  },
  {
    name: 'pipeline behind a request that asks to close and is answered at once',
    listener: 'direct',
    steps: [`${get('/1', 'Connection: close')}${get('/2')}${get('/3')}`],
    stats: STATS,
  },
  {
    name: 'pipeline behind a refused request with a body',
    steps: [`POST /1 HTTP/1.1${CRLF}Content-Length: 3${CRLF}${CRLF}abc${get('/2')}`],
    stats: STATS,
  },
  {
    name: 'pipeline behind a refused request with chunks',
    steps: [`POST /1 HTTP/1.1${CRLF}Transfer-Encoding: chunked${CRLF}${CRLF}0${CRLF}${CRLF}${get('/2')}`],
    stats: STATS,
  },
  {
    name: 'junk behind a request that asks to close and is answered at once',
    listener: 'direct',
    steps: [`${get('/1', 'Connection: close')}junk`],
    stats: STATS,
  },
  {
    name: 'pipeline, the first answer closes',
    steps: [`${get('/1')}${get('/2')}`],
    reply: [`HTTP/1.1 200 OK${CRLF}content-length: 2${CRLF}connection: close${CRLF}${CRLF}ok`],
    logLines: 2,
  },
  { name: 'pipeline, the second is bad', steps: [`${get('/1')}GET /2 HTTP/9.x${CRLF}${CRLF}`], logLines: 2 },
  {
    name: 'pipeline, the second is bad and the first slow',
    steps: [`${get('/1')}G(T /2 HTTP/1.1${CRLF}${CRLF}`, { waitFor: '400' }],
    reply: [{ pauseMs: 30 }, OK],
    logLines: 2,
  },
  {
    name: 'pipeline, the first answer is cut',
    steps: [`${get('/1')}${get('/2')}`],
    reply: [`HTTP/1.1 200 OK${CRLF}content-length: 9${CRLF}${CRLF}abc`, { pauseMs: 10 }, { reset: true }],
  },
]

const dawdling: readonly ParityCase[] = [
  {
    name: 'head that never ends',
    listener: 'slow',
    steps: ['GET / HTTP/1.1\r\nHost: a', { waitClosed: true }],
    stats: STATS,
  },
  {
    name: 'head that trickles in does not get more time',
    listener: 'slow',
    steps: [
      'GET / ',
      { quietMs: 60 },
      'HTTP/1.1\r\n',
      { quietMs: 60 },
      'Host: ',
      { quietMs: 60 },
      'a',
      { waitClosed: true },
    ],
  },
  { name: 'one byte and nothing more', listener: 'slow', steps: ['G', { waitClosed: true }] },
  { name: 'empty lines and nothing more', listener: 'slow', steps: ['\r\n\r\n', { waitClosed: true }] },
  {
    name: 'second head that never ends',
    listener: 'slow',
    steps: [get(), { waitFor: 'ok' }, 'GET / HTTP/1.1\r\n', { waitClosed: true }],
    logLines: 2,
  },
  {
    name: 'body that never ends',
    listener: 'slow_body',
    steps: [SIZED_POST, 'hello', { waitClosed: true }],
    stats: STATS,
  },
  {
    name: 'body that trickles in does not get more time',
    listener: 'slow_body',
    steps: [SIZED_POST, 'h', { quietMs: 60 }, 'e', { quietMs: 60 }, 'l', { quietMs: 60 }, 'l', { waitClosed: true }],
  },
  {
    name: 'chunks that never end',
    listener: 'slow_body',
    steps: [CHUNKED_POST, `1${CRLF}a`, { waitClosed: true }],
  },
  {
    name: 'silence in the body',
    listener: 'idle_stream',
    steps: [SIZED_POST, 'hello', { waitClosed: true }],
    stats: STATS,
  },
  { name: 'silence of the backend', listener: 'idle_stream', steps: [get(), { waitFor: '504' }], reply: SILENT },
  {
    name: 'silence in the answer',
    listener: 'idle_stream',
    steps: [get(), { waitClosed: true }],
    reply: [`HTTP/1.1 200 OK${CRLF}content-length: 9${CRLF}${CRLF}abc`],
  },
]

export const downstreamFaults: ParitySuite = {
  name: 'downstream faults',
  yaml: bootstrap(
    [
      httpListener({ name: 'main', hcm: 'delayed_close_timeout: 0.02s' }),
      httpListener({ name: 'tunnels', hcm: 'upgrade_configs: [ { upgrade_type: websocket } ]' }),
      httpListener({
        name: 'direct',
        hcm: 'delayed_close_timeout: 0.02s',
        virtualHosts: routes(
          '- { match: { prefix: / }, direct_response: { status: 200, body: { inline_string: ok } } }',
        ),
      }),
      httpListener({
        name: 'slow',
        hcm: 'delayed_close_timeout: 0.02s\nrequest_headers_timeout: 0.15s\ncommon_http_protocol_options: { idle_timeout: 0.4s }',
      }),
      httpListener({ name: 'slow_body', hcm: 'delayed_close_timeout: 0.02s\nrequest_timeout: 0.15s' }),
      httpListener({ name: 'idle_stream', hcm: 'delayed_close_timeout: 0.02s\nstream_idle_timeout: 0.15s' }),
    ],
    [cluster('main', '', '{{backend}}')],
  ),
  cases: [...inTheRequest, ...inTheResponse, ...pipelines, ...dawdling],
}
