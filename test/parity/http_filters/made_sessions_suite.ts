/** Sessions that do not depend on the ports of hosts: those that are made, and those whose host is gone. Over any transport. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, head, post, request, response } from '../requests.ts'
import { bootstrap, cluster, httpFilter, httpListener, routes } from '../yaml.ts'

const STATE = 'type.googleapis.com/envoy.extensions.http.stateful_session'
const state = (kind: string, message: string, fields: string) =>
  `session_state: { name: envoy.http.stateful_session.${kind}, typed_config: { "@type": ${STATE}.${kind}.v3.${message}, ${fields} } }`
const PER_ROUTE = 'type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute'
const cookie = state('cookie', 'CookieBasedSessionState', 'cookie: { name: session, path: /, ttl: 60s }')

const table = routes(`
- { match: { prefix: "/disabled" }, route: { cluster: main }, typed_per_filter_config: { envoy.filters.http.stateful_session: { "@type": ${PER_ROUTE}, disabled: true } } }
- { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: direct } } }
- { match: { prefix: "/refused" }, route: { cluster: refused } }
- { match: { prefix: "/" }, route: { cluster: main } }
`)
const listener = (name: string, config: string) =>
  httpListener({
    name,
    virtualHosts: table,
    filters: httpFilter('stateful_session', 'StatefulSession', `stat_prefix: ${name}, ${config}`),
  })

/** A session at a host that is not there. */
const gone = Buffer.from('\n\x0b127.0.0.1:2').toString('base64')
const goneHeader = Buffer.from('127.0.0.1:2').toString('base64')
const one = (listenerName: string, name: string, step: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `made session, ${listenerName}: ${name}`,
  listener: listenerName,
  steps: [step],
  stats: 'stateful_session|rq_[0-9]|none_healthy',
  normalize: [
    [/session="[^"]+"/g, 'session="<host>"'],
    [/(x-session: )[A-Za-z0-9+/=]+/g, '$1<host>'],
  ],
  ...more,
})

export const madeSessionsSuite: ParitySuite = {
  name: 'made sessions',
  yaml: bootstrap(
    [
      listener('main', cookie),
      listener('strict', `${cookie}, strict: true, status_on_strict_destination_not_found: 410`),
      listener('header', state('header', 'HeaderBasedSessionState', 'name: x-session')),
      listener('envelope', state('envelope', 'EnvelopeSessionState', 'header: { name: x-session }')),
    ],
    [cluster('main'), cluster('refused', '', '1')],
  ),
  cases: [
    ...['main', 'strict'].flatMap((name) => [
      one(name, 'GET', get('/')),
      one(name, 'HEAD', head('/')),
      one(name, 'POST', post('/', 'body')),
      one(name, 'the host is gone', get('/', `Cookie: session=${gone}`)),
      one(name, 'the host is gone, POST', post('/', 'body', `Cookie: a=b; session="${gone}"`)),
      one(
        name,
        'the host is gone, gRPC',
        request('POST', '/', ['content-type: application/grpc', 'content-length: 0', `Cookie: session=${gone}`]),
      ),
      one(name, 'disabled', get('/disabled', `Cookie: session=${gone}`)),
      one(name, 'direct response', get('/direct', `Cookie: session=${gone}`)),
      one(name, 'refused', get('/refused')),
      one(name, 'failed', get('/'), { reply: response(503, 'bad') }),
    ]),
    one('header', 'GET', get('/')),
    one('header', 'the host is gone', get('/', `X-Session: ${goneHeader}`)),
    one('header', 'of the upstream too', get('/'), { reply: response(200, 'ok', 'x-session: mine') }),
    one('envelope', 'GET', get('/')),
    one('envelope', 'of the upstream', get('/'), { reply: response(200, 'ok', 'x-session: mine') }),
    one('envelope', 'the host is gone', get('/', `X-Session: ${goneHeader};UV:bWluZQ==`), {
      reply: response(200, 'ok', 'x-session: mine'),
    }),
  ],
}
