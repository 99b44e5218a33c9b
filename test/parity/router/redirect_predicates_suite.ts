/** Where internal redirects may lead: by routes that were tried, by names, by schemes. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, OK, post, response } from '../requests.ts'
import { bootstrap, cluster, httpListener, routes } from '../yaml.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.internal_redirect'
/** The request that starts over takes the connection that its first answer has just freed: Envoy opens one more. */
const STATS = '^(http\\..*passthrough|cluster\\..*(internal_redirect|upstream_rq_[0-9ct]))'

const predicate = (name: string, type: string, fields = ''): string =>
  `{ name: ${name}, typed_config: { "@type": ${TYPE}.${name}.v3.${type}${fields} } }`
const PREVIOUS = predicate('previous_routes', 'PreviousRoutesConfig')
const SAFE = predicate('safe_cross_scheme', 'SafeCrossSchemeConfig')
const listed = (names: string): string =>
  predicate('allow_listed_routes', 'AllowListedRoutesConfig', `, allowed_route_names: [ ${names} ]`)
const state = (key: string, more = ''): string =>
  predicate('filter_state', 'FilterStateConfig', `, redirect_enabled_key: "${key}"${more}`)
/** On connections of the listener `proxied`, an object that is not a boolean. */
const PROXY_STATE = 'envoy.network.proxy_protocol_options'

const policy = (predicates: string): string =>
  `internal_redirect_policy: { max_internal_redirects: 6, allow_cross_scheme_redirect: true, response_headers_to_copy: [ x-copy ], predicates: [ ${predicates} ] }`
const route = (name: string, predicates?: string, own = name): string =>
  `- { name: ${own === '' ? '""' : own}, match: { path: /${name} }, route: { cluster: main${predicates === undefined ? '' : `, ${policy(predicates)}`} } }\n`

const all = [
  route('once', PREVIOUS),
  route('once_too', PREVIOUS),
  route('nameless', PREVIOUS, ''),
  route('to_b', listed('b')),
  route('to_b_or_itself', listed('b, to_b_or_itself')),
  route('to_none', listed('')),
  route('safe', SAFE),
  route('none', ''),
  route('safe_and_b', `${SAFE}, ${listed('b')}`),
  route('b_once', `${listed('b')}, ${PREVIOUS}`),
  route('once_b', `${PREVIOUS}, ${listed('b')}`),
  route('state', state('nothing')),
  route('state_or_absent', state('nothing', ', redirect_if_absent: true')),
  route('text', state(PROXY_STATE)),
  route('text_or_absent', state(PROXY_STATE, ', redirect_if_absent: true')),
  route('b'),
  route('c'),
  route('back', listed('once, once_too, b_once, once_b')),
  route('without_name', undefined, ''),
  '- { name: b, match: { path: /local }, direct_response: { status: 200, body: { inline_string: local } } }\n',
].join('')

const proxied = `listener_filters:
- { name: p, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol } }`
const yaml = bootstrap(
  [
    httpListener({ name: 'main', virtualHosts: routes(all) }),
    httpListener({ name: 'proxied', listener: proxied, virtualHosts: routes(all) }),
  ],
  [cluster('main')],
)

const to = (url: string): string[] => [response(302, 'moved', `location: ${url}`, 'x-copy: 1')]

/** A request to a path, whose answers lead it on to the others. */
function walk(...paths: string[]): ParityCase {
  const [first, ...rest] = paths
  const urls = rest.map((path) => (path.includes(':') ? path : `http://a.test/${path}`))
  return {
    name: `redirected: ${paths.join(', ')}`,
    steps: [get(`/${first}`, 'x-copy: 0'), { waitFor: '\r\n\r\n' }],
    replies: [...urls.map(to), [OK]],
    stats: STATS,
    logLines: 0,
  }
}

/** The same from a client that a proxy speaks for. */
function proxiedWalk(...paths: string[]): ParityCase {
  const plain = walk(...paths)
  return {
    ...plain,
    name: `${plain.name}, through a proxy`,
    listener: 'proxied',
    steps: ['PROXY TCP4 1.2.3.4 10.0.0.1 5678 443\r\n', ...plain.steps],
  }
}

export const redirectPredicatesSuite: ParitySuite = {
  name: 'redirect predicates',
  yaml,
  cases: [
    walk('once', 'b'),
    walk('once', 'once'),
    walk('once', 'once', 'once'),
    walk('once', 'back', 'once', 'back'),
    walk('once', 'back', 'once_too', 'back', 'once', 'b'),
    walk('once', 'back', 'once_too', 'back', 'once_too', 'back'),
    walk('once', 'without_name'),
    walk('nameless', 'nameless', 'nameless'),
    walk('to_b', 'b'),
    walk('to_b', 'c'),
    walk('to_b', 'to_b'),
    walk('to_b', 'without_name'),
    walk('to_b', 'local'),
    walk('to_b', 'nowhere'),
    walk('to_b_or_itself', 'to_b_or_itself', 'to_b_or_itself', 'b'),
    walk('to_none', 'b'),
    walk('safe', 'b'),
    walk('safe', 'http://a.test/b'),
    walk('safe', 'https://a.test/b'),
    walk('none', 'https://a.test/b'),
    walk('safe_and_b', 'c'),
    walk('safe_and_b', 'b'),
    walk('safe_and_b', 'https://a.test/b'),
    walk('b_once', 'c'),
    walk('once_b', 'c'),
    walk('b_once', 'b'),
    ...['state', 'state_or_absent'].flatMap((path) => [walk(path, 'b'), proxiedWalk(path, 'b')]),
    ...['text', 'text_or_absent'].map((path) => proxiedWalk(path, 'b')),
    {
      name: 'redirected: a POST that is not',
      steps: [post('/to_b', 'body'), { waitFor: '\r\n\r\n' }],
      replies: [[response(303, 'moved', 'location: http://a.test/c')], [OK]],
      stats: STATS,
    },
  ],
}
