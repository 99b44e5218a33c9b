// What finding a route costs, by the number of routes and the kind of their matches.
// Run: node bench/micro/routes.ts

import { HeaderMap } from '../../src/common/header_map.ts'
import { compileRegex } from '../../src/common/regex.ts'
import { DomainIndex } from '../../src/router/route_config/domain_index.ts'
import type { PathMatcher } from '../../src/router/route_config/path_matcher.ts'
import { type IndexedRoute, RouteList } from '../../src/router/route_config/route_index.ts'
import { type AddressInfo, StreamInfo } from '../../src/stream_info/stream_info.ts'

const address: AddressInfo = { text: '10.0.0.1:80', ip: '10.0.0.1', port: 80, family: 'ipv4' }
const streamInfo = new StreamInfo(
  {
    connectionId: 1,
    roundTripTimeMs: () => undefined,
    remoteAddress: address,
    localAddress: address,
    directRemoteAddress: address,
    directLocalAddress: address,
    requestedServerName: '',
    tls: undefined,
    transportFailureReason: '',
    isSecure: false,
    detectedCloseType: '',
    localCloseReason: '',
    listenerName: '',
    filterChainName: '',
    acceptedAtMs: 0,
  },
  0,
  0,
)

function request(path: string): HeaderMap {
  const headers = new HeaderMap()
  headers.method = 'GET'
  headers.path = path
  headers.authority = 'service.example.com'
  for (const name of ['host', 'user-agent', 'accept', 'accept-language', 'cookie']) headers.add(name, 'value')
  return headers
}

let sink = 0

/** Nanoseconds of one call, the best of several rounds of about `budgetMs`. */
function measure(run: () => unknown, budgetMs = 60): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 6; round++) {
    let calls = 0
    const start = performance.now()
    let elapsed = 0
    while (elapsed < budgetMs) {
      for (let i = 0; i < 200; i++) if (run() !== undefined) sink++
      calls += 200
      elapsed = performance.now() - start
    }
    best = Math.min(best, (elapsed * 1e6) / calls)
  }
  return best
}

type MatcherOf = (i: number) => PathMatcher

const kinds: [name: string, matcherOf: MatcherOf, pathOf: (i: number) => string][] = [
  [
    'prefix',
    (i) => ({ kind: 'prefix', text: `/service-${i}/`, ignoreCase: false }),
    (i) => `/service-${i}/users/1?q=2`,
  ],
  ['path', (i) => ({ kind: 'exact', text: `/service/${i}/item`, ignoreCase: false }), (i) => `/service/${i}/item?q=2`],
  [
    'path_separated_prefix',
    (i) => ({ kind: 'separatedPrefix', text: `/api/v1/resource-${i}`, ignoreCase: false }),
    (i) => `/api/v1/resource-${i}/1?q=2`,
  ],
]

function line(name: string, nanoseconds: number): void {
  console.log(`${name.padEnd(56)} ${nanoseconds.toFixed(0).padStart(9)} ns`)
}

for (const [name, matcherOf, pathOf] of kinds) {
  for (const count of [1, 10, 100, 10_000]) {
    const routes = Array.from(
      { length: count },
      (_, i): IndexedRoute<number> => ({ path: matcherOf(i), criteria: [], value: i }),
    )
    const last = request(pathOf(count - 1))
    const index = new RouteList(routes, false)
    line(
      `${name}, last of ${count}`,
      measure(() => index.find(last, streamInfo, 0)),
    )
    const scan = new RouteList(routes, false, false)
    if (count >= 10)
      line(
        `${name}, last of ${count}, plain scan`,
        measure(() => scan.find(last, streamInfo, 0)),
      )
  }
}

const all = new RouteList<number>(
  [{ path: { kind: 'prefix', text: '/', ignoreCase: false }, criteria: [], value: 0 }],
  false,
)
const root = request('/a/b/c?q=1')
line(
  'one prefix /',
  measure(() => all.find(root, streamInfo, 0)),
)

const domains = new DomainIndex<number>()
domains.add('*', 0, '')
line(
  'one virtual host *',
  measure(() => domains.find('service.example.com')),
)
for (let i = 0; i < 10_000; i++) domains.add(`service-${i}.example.com`, i, '')
for (let i = 0; i < 10; i++) domains.add(`*.zone-${i}.example.com`, i, '')
line(
  '10,000 virtual hosts, exact',
  measure(() => domains.find('service-9999.example.com')),
)
line(
  '10,000 virtual hosts, suffix',
  measure(() => domains.find('a.zone-9.example.com')),
)

const regex = compileRegex('/api/v[0-9]+/(users|groups)/[^/]*/x')
line(
  'one safe_regex',
  measure(() => (regex.fullMatch('/api/v12/users/abc/x') ? 1 : undefined)),
)
if (sink === 0) console.log('nothing matched')
