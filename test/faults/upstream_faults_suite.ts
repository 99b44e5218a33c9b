/** A backend that resets, closes or says too much at every step of a request and of its response, on both proxies. */
import type { ParityCase, ParitySuite, ReplyStep, Step } from '../parity/case.ts'
import { CRLF, chunkedResponse, get, OK, post, response } from '../parity/requests.ts'
import { bootstrap, cluster, http1Options, httpListener, routes } from '../parity/yaml.ts'

const SHORT_CLOSE = 'delayed_close_timeout: 0.02s'
const STATS = '^(http\\.\\w+\\.downstream_(rq|cx)|cluster\\.\\w+\\.(upstream|retry|external|internal)).*[^s]$'
const POST_HEAD = `POST / HTTP/1.1${CRLF}Host: a.test${CRLF}`
const CHUNKED_POST = `${POST_HEAD}Transfer-Encoding: chunked${CRLF}${CRLF}`
const SIZED_POST = `${POST_HEAD}Content-Length: 10${CRLF}${CRLF}`
const SIZED = `HTTP/1.1 200 OK${CRLF}content-length: 9${CRLF}${CRLF}abc`
const CHUNKED = `HTTP/1.1 200 OK${CRLF}transfer-encoding: chunked${CRLF}${CRLF}`
const PAUSE: ReplyStep = { pauseMs: 15 }

/** How the backend ends: RST or FIN. */
const ends: readonly [string, ReplyStep][] = [
  ['resets', { reset: true }],
  ['finishes', { finish: true }],
]

function both(name: string, make: (end: ReplyStep) => Omit<ParityCase, 'name'>): ParityCase[] {
  return ends.map(([word, end]) => ({ name: `backend ${word} ${name}`, stats: STATS, ...make(end) }))
}

/** The backend has answered as much as `sent` says when it ends. */
function during(name: string, sent: readonly string[], steps: readonly Step[] = [get()]): ParityCase[] {
  const paused = sent.flatMap((text): ReplyStep[] => [text, PAUSE])
  return both(name, (end) => ({ steps, reply: [...paused, end] }))
}

const answerThenPause: readonly ReplyStep[] = [OK, PAUSE]

const beforeTheResponse: readonly ParityCase[] = [
  ...both('as soon as it has accepted', (end) => ({ steps: [get()], reply: [end], replyAt: 'connect' })),
  ...both('as soon as it has accepted, POST', (end) => ({
    steps: [post('/', 'hello')],
    reply: [end],
    replyAt: 'connect',
  })),
  ...both('at the head of a sized body', (end) => ({
    steps: [SIZED_POST, { waitBackend: 'POST' }, { quietMs: 30 }],
    reply: [end],
    replyAt: 'head',
  })),
  ...both('at the head of a chunked body', (end) => ({
    steps: [CHUNKED_POST, { waitBackend: 'POST' }, { quietMs: 30 }],
    reply: [end],
    replyAt: 'head',
  })),
  ...both('in a sized body', (end) => ({
    steps: [SIZED_POST, { waitBackend: 'POST' }, 'hello', { quietMs: 40 }],
    reply: [{ waitFor: 'hello' }, end],
    replyAt: 'head',
  })),
  ...both('in a chunked body', (end) => ({
    steps: [CHUNKED_POST, { waitBackend: 'POST' }, `5${CRLF}hello${CRLF}`, { quietMs: 40 }],
    reply: [{ waitFor: 'hello' }, end],
    replyAt: 'head',
  })),
  ...both('after the request', (end) => ({ steps: [get()], reply: [end] })),
  ...both('after a POST', (end) => ({ steps: [post('/', 'hello')], reply: [end] })),
  ...both('after the request, some time later', (end) => ({ steps: [get()], reply: [PAUSE, end] })),
  ...both('after HEAD', (end) => ({ steps: [`HEAD / HTTP/1.1${CRLF}Host: a.test${CRLF}${CRLF}`], reply: [end] })),
]

const inTheResponse: readonly ParityCase[] = [
  ...during('in the status line', ['HTTP/1.']),
  ...during('after the status line', [`HTTP/1.1 200 OK${CRLF}`]),
  ...during('in a header name', [`HTTP/1.1 200 OK${CRLF}content-le`]),
  ...during('before the empty line', [`HTTP/1.1 200 OK${CRLF}content-length: 9${CRLF}`]),
  ...during('after the head', [`HTTP/1.1 200 OK${CRLF}content-length: 9${CRLF}${CRLF}`]),
  ...during('in a sized body', [SIZED]),
  ...during('one byte before the end', [`HTTP/1.1 200 OK${CRLF}content-length: 4${CRLF}${CRLF}abc`]),
  ...during('after the head of chunks', [CHUNKED]),
  ...during('in a chunk size', [`${CHUNKED}1`]),
  ...during('in a chunk', [`${CHUNKED}9${CRLF}abc`]),
  ...during('after a chunk', [`${CHUNKED}3${CRLF}abc${CRLF}`]),
  ...during('before the last CRLF', [`${CHUNKED}3${CRLF}abc${CRLF}0${CRLF}`]),
  ...during('in the trailers', [`${CHUNKED}3${CRLF}abc${CRLF}0${CRLF}x-t: 1${CRLF}`]),
  ...during('in a body without length', [`HTTP/1.1 200 OK${CRLF}${CRLF}abc`]),
  ...during('after the head without length', [`HTTP/1.1 200 OK${CRLF}${CRLF}`]),
  ...during('in a 1.0 body without length', [`HTTP/1.0 200 OK${CRLF}${CRLF}abc`]),
  ...during('after 100', [`HTTP/1.1 100 Continue${CRLF}${CRLF}`]),
  ...during('after 103', [`HTTP/1.1 103 Early Hints${CRLF}link: a${CRLF}${CRLF}`]),
  ...during('in the body of 204', [`HTTP/1.1 204 No Content${CRLF}${CRLF}`]),
]

const aroundTheEnd: readonly ParityCase[] = [
  ...during('after the response', [OK]),
  ...during('after a chunked response', [chunkedResponse('abc')]),
  ...both('in one go with the response', (end) => ({ steps: [get()], reply: [OK, end] })),
  ...both('with connection: close', (end) => ({
    steps: [get()],
    reply: [response(200, 'ok', 'connection: close'), end],
  })),
  ...both('between two requests', (end) => ({
    steps: [get(), { waitFor: 'ok' }, { quietMs: 40 }, get()],
    replies: [[...answerThenPause, end], [OK]],
  })),
  ...both('at the second request of a connection', (end) => ({
    steps: [get(), { waitFor: 'ok' }, get()],
    replies: [[OK], [end]],
  })),
  {
    name: 'bytes left over behind a response',
    steps: [get(), { waitFor: 'ok' }, { quietMs: 30 }, get()],
    replies: [[`${OK}junk`], [OK]],
    stats: STATS,
  },
  {
    name: 'a second response behind the first',
    steps: [get(), { waitFor: 'ok' }, { quietMs: 30 }, get()],
    replies: [[`${OK}${response(200, 'evil')}`], [OK]],
    stats: STATS,
  },
  {
    name: 'junk on an idle connection',
    steps: [get(), { waitFor: 'ok' }, { quietMs: 40 }, get()],
    replies: [[OK, PAUSE, 'junk'], [OK]],
    stats: STATS,
  },
  {
    name: 'a response on an idle connection',
    steps: [get(), { waitFor: 'ok' }, { quietMs: 40 }, get()],
    replies: [[OK, PAUSE, response(200, 'evil')], [OK]],
    stats: STATS,
  },
  {
    name: 'a response before any request',
    steps: [get(), { quietMs: 30 }],
    reply: [response(200, 'evil')],
    replyAt: 'connect',
  },
  {
    name: 'bytes behind the body of a closing response',
    steps: [get()],
    reply: [`${response(200, 'ok', 'connection: close')}junk`, { finish: true }],
    stats: STATS,
  },
]

const early: readonly ParityCase[] = [
  {
    name: 'response before a sized body is complete',
    steps: [SIZED_POST, { waitFor: 'ok' }, { quietMs: 30 }, 'helloworld'],
    reply: [OK],
    replyAt: 'head',
  },
  {
    name: 'response before a chunked body is complete',
    steps: [CHUNKED_POST, { waitFor: 'ok' }, { quietMs: 30 }, `5${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
    reply: [OK],
    replyAt: 'head',
  },
  {
    name: 'response head before the request is complete, its body after',
    steps: [SIZED_POST, { waitFor: 'a: b' }, 'helloworld'],
    reply: [`HTTP/1.1 200 OK${CRLF}content-length: 2${CRLF}a: b${CRLF}${CRLF}`, { waitFor: 'helloworld' }, 'ok'],
    replyAt: 'head',
    stats: STATS,
  },
  {
    name: '413 and close before the request is complete',
    steps: [SIZED_POST, { waitFor: 'no' }, { quietMs: 30 }],
    reply: [`HTTP/1.1 413 Too Large${CRLF}content-length: 2${CRLF}connection: close${CRLF}${CRLF}no`, { finish: true }],
    replyAt: 'head',
  },
  {
    name: '413 and reset before the request is complete',
    steps: [SIZED_POST, { waitFor: 'no' }, { quietMs: 30 }],
    reply: [`HTTP/1.1 413 Too Large${CRLF}content-length: 2${CRLF}${CRLF}no`, PAUSE, { reset: true }],
    replyAt: 'head',
  },
]

const retried = (name: string, steps: readonly Step[], replies: readonly (readonly ReplyStep[])[]): ParityCase => ({
  name: `retry: ${name}`,
  listener: 'retrying',
  steps,
  replies,
})

const retries: readonly ParityCase[] = [
  retried('reset after the request', [get()], [[{ reset: true }], [OK]]),
  retried('finish after the request', [get()], [[{ finish: true }], [OK]]),
  retried('finish in the head', [get()], [['HTTP/1.1 200', PAUSE, { finish: true }], [OK]]),
  retried('reset in the body', [get()], [[SIZED, PAUSE, { reset: true }], [OK]]),
  retried('bad response', [get()], [['junk\r\n\r\n'], [OK]]),
  retried('twice', [get()], [[{ reset: true }], [{ reset: true }], [OK]]),
  retried('three times', [get()], [[{ reset: true }], [{ reset: true }], [{ reset: true }], [OK]]),
  retried('POST with its body', [post('/', 'hello')], [[{ reset: true }], [OK]]),
  retried('reset, then a broken body', [get()], [[{ reset: true }], [SIZED, PAUSE, { finish: true }]]),
  {
    ...retried(
      'idle connection that ends at the request',
      [get(), { waitFor: 'ok' }, get()],
      [[OK], [{ finish: true }], [OK]],
    ),
  },
]

const noConnection: readonly ParityCase[] = [
  { name: 'nobody listens', listener: 'refused', steps: [get()], stats: STATS },
  { name: 'nobody listens, POST', listener: 'refused', steps: [post('/', 'hello')], stats: STATS },
  { name: 'nobody listens, body to come', listener: 'refused', steps: [SIZED_POST, { quietMs: 30 }, 'hello'] },
  { name: 'nobody listens, then the next request', listener: 'refused', steps: [get(), { waitFor: '503' }, get()] },
]

export const upstreamFaults: ParitySuite = {
  name: 'upstream faults',
  yaml: bootstrap(
    [
      httpListener({ name: 'main', hcm: SHORT_CLOSE }),
      httpListener({
        name: 'refused',
        hcm: SHORT_CLOSE,
        virtualHosts: routes('- { match: { prefix: / }, route: { cluster: refused } }'),
      }),
      httpListener({
        name: 'retrying',
        hcm: SHORT_CLOSE,
        virtualHosts: routes(`
- match: { prefix: / }
  route: { cluster: retrying, retry_policy: { retry_on: "reset,connect-failure", num_retries: 2, retry_back_off: { base_interval: 0.002s } } }
`),
      }),
    ],
    [
      cluster('main', '', '{{backend}}'),
      cluster('retrying', http1Options('explicit_http_config: { http_protocol_options: {} }'), '{{backend}}'),
      cluster('refused', '', '1'),
    ],
  ),
  cases: [...beforeTheResponse, ...inTheResponse, ...aroundTheEnd, ...early, ...retries, ...noConnection],
}
