/** Forward proxies: hosts that requests name, looked up by the filter or by the cluster, what is answered without them, TLS. */
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import { DnsServer } from '../../support/dns_server.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { getHost, request } from '../requests.ts'
import { bootstrap, http1Options, httpFilter, httpListener, routes } from '../yaml.ts'
import { cacheConfig, EXTENSIONS, forwardProxyCluster } from './forward_proxy_yaml.ts'

const dns = await DnsServer.start()
dns.set('*.ok.test', { addresses: ['127.0.0.1'] })
dns.set('*.two.test', { addresses: ['127.0.0.1', '127.0.0.2', '127.0.0.3'] })
dns.set('*.other.test', { addresses: ['127.0.0.1'] })
dns.set('*.denied.test', { addresses: ['127.0.0.2'] })
dns.set('*.empty.test', { addresses: [] })
dns.set('*.fail.test', { responseCode: 'SERVFAIL' })
dns.set('*.refused.test', { responseCode: 'REFUSED' })
dns.set('*.silent.test', { silent: true })
dns.set('pre.test', { addresses: ['127.0.0.1'] })
const ca = new CertificateAuthority()
const certificate = ca.issue({ name: 'server', altNames: ['DNS:*.ok.test'] })

export async function stopForwardProxySupport(): Promise<void> {
  ca.remove()
  await dns.stop()
}

const cache = (name: string, more = ''): string => cacheConfig(name, dns.port, more)
const filter = (config: string): string => httpFilter('dynamic_forward_proxy', 'FilterConfig', config)
const rewrite = (fields: string): string =>
  `typed_per_filter_config: { envoy.filters.http.dynamic_forward_proxy: { "@type": ${EXTENSIONS}.filters.http.dynamic_forward_proxy.v3.PerRouteConfig, ${fields} } }`

function routesTo(cluster: string): string {
  return routes(`
- { match: { prefix: /literal }, route: { cluster: ${cluster} }, ${rewrite('host_rewrite_literal: "literal.ok.test:{{backend}}"')} }
- { match: { prefix: /header }, route: { cluster: ${cluster} }, ${rewrite('host_rewrite_header: X-Host')} }
- { match: { prefix: /route }, route: { cluster: ${cluster}, host_rewrite_literal: "route.ok.test:{{backend}}" } }
- { match: { prefix: /other }, route: { cluster: plain } }
- { match: { prefix: /missing }, route: { cluster: missing } }
- { match: { connect_matcher: {} }, route: { cluster: ${cluster}, upgrade_configs: [ { upgrade_type: CONNECT, connect_config: {} } ] } }
- { match: { prefix: / }, route: { cluster: ${cluster} } }
`)
}

const SMALL = ', max_hosts: 1'
const BREAKER = ', dns_cache_circuit_breaker: { max_pending_requests: 1 }'
const DENYING = ', resolved_address_filter: { ranges: [ { address_prefix: 127.0.0.2, prefix_len: 31 } ] }'
const ALLOWING =
  ', resolved_address_filter: { ranges: [ { address_prefix: 127.0.0.1, prefix_len: 32 } ], invert_match: true }'
const FORGETTING = ', disable_dns_refresh_on_failure: true'
const AUTO = ', dns_lookup_family: AUTO'
const PRE = ', preresolve_hostnames: [ { address: pre.test, port_value: {{backend}} } ]'

/** With the filter: `<name>`; without it: `<name>_bare`. Each has a cache of its own. */
const caches: Record<string, string> = {
  main: '',
  small: SMALL,
  breaker: BREAKER,
  denying: DENYING,
  allowing: ALLOWING,
  forgetting: FORGETTING,
  auto: AUTO,
  pre: PRE,
}

const trusted = `common_tls_context: { validation_context: { trusted_ca: { filename: ${ca.certPath} } } }`
const TLS = `
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config: { "@type": ${EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext, max_session_keys: 0, ${trusted} }
`
const explicit = (fields: string): string =>
  http1Options(`upstream_http_protocol_options: { ${fields} }\nexplicit_http_config: { http_protocol_options: {} }`)

const plain = `
- name: plain
  connect_timeout: 1s
  load_assignment: { cluster_name: plain, endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: {{backend}} } } } } ] } ] }
`

/** Other caches may be waiting for an answer still. */
const statsOf = (name: string) =>
  `^(dns_cache.${name}.|cluster.${name}.(membership|upstream_rq|upstream_cx_(total|none_healthy|connect_fail)|external))`
const host = (zone: string, port = ':{{backend}}') => `l{{look}}.${zone}.test${port}`
const ask = (name: string, at: string, path = '/', ...fields: string[]) => request('GET', path, fields, at || name)

function one(name: string, listener: string, ...hosts: string[]): ParityCase {
  return {
    name: `forward proxy: ${listener}: ${name}`,
    listener,
    stats: statsOf(listener),
    steps: hosts.flatMap((each, i) => [getHost(each), { waitCount: ['HTTP/1.1 ', i + 1] as [string, number] }]),
    logLines: hosts.length,
  }
}

function posted(
  name: string,
  listener: string,
  steps: ParityCase['steps'],
  more: Partial<ParityCase> = {},
): ParityCase {
  return { name: `forward proxy: ${listener}: ${name}`, listener, stats: statsOf(listener), steps, ...more }
}

const both = (make: (listener: (name: string) => string) => ParityCase[]): ParityCase[] => [
  ...make((name) => name),
  ...make((name) => `${name}_bare`),
]

const cases: ParityCase[] = [
  ...both((at) => [
    one('a name that nobody has asked for', at('main'), host('ok')),
    one('a name again', at('main'), host('ok'), host('ok')),
    one('a name with several addresses', at('main'), host('two')),
    one('capitals are another name', at('main'), host('ok'), `L{{look}}.ok.test:{{backend}}`),
    one('a name without addresses', at('main'), host('empty'), host('empty')),
    one('a name that there is not', at('main'), host('none'), host('none')),
    one('a server that fails', at('main'), host('fail')),
    one('a server that refuses', at('main'), host('refused')),
    one('an IPv4 address', at('main'), '127.0.0.1:{{backend}}'),
    one('an IPv6 address where IPv4 is wanted', at('main'), '[::1]:{{backend}}'),
    one('no name', at('main'), 'l{{look}}!.test'),
    one('a port that is none', at('main'), 'l{{look}}.ok.test:99999'),
    one('no port behind a colon', at('main'), 'l{{look}}.ok.test:'),
    one('no host at all', at('main'), ''),
    one('IPv6 before IPv4', at('auto'), host('ok')),
    one('an IPv4 address for any family', at('auto'), '127.0.0.1:{{backend}}'),
    one('an IPv6 address', at('auto'), '[::1]:1'),
    one('a name without addresses of any family', at('auto'), host('empty')),
    one('more names than a cache holds', at('small'), host('ok'), host('two')),
    one('addresses that are denied', at('denying'), host('denied')),
    one('some addresses that are denied', at('denying'), host('two')),
    one('addresses that are not allowed', at('allowing'), host('two')),
    one('a failure that is forgotten', at('forgetting'), host('fail'), host('fail'), host('fail')),
    one('no records are not forgotten', at('forgetting'), host('empty'), host('empty')),
    one('a name that was looked up before', at('pre'), 'pre.test:{{backend}}'),
    posted('a body that comes while the name is looked up', at('main'), [
      `POST / HTTP/1.1\r\nHost: ${host('ok')}\r\nContent-Length: 10\r\n\r\n01234`,
      { quietMs: 20 },
      '56789',
      { waitFor: 'ok' },
    ]),
    posted('trailers', at('main'), [
      `POST / HTTP/1.1\r\nHost: ${host('ok')}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
      { waitFor: 'ok' },
    ]),
    posted('CONNECT', at('main'), [
      `CONNECT ${host('ok')} HTTP/1.1\r\nHost: ${host('ok')}\r\n\r\n`,
      { waitFor: '200 OK' },
      'GET / HTTP/1.1\r\nHost: inner\r\n\r\n',
      { waitFor: '\r\n\r\nok' },
    ]),
    posted('the name of the route', at('main'), [ask('', host('ok'), '/route'), { waitFor: 'ok' }]),
    posted('the name of the filter', at('main'), [ask('', host('none'), '/literal'), { waitFor: 'HTTP/1.1 ' }]),
    posted('the name of a header', at('main'), [
      ask('', host('none'), '/header', `x-host: ${host('ok')}`, 'x-host: b.test'),
      { waitFor: 'HTTP/1.1 ' },
    ]),
    posted('the name of a header that is not there', at('main'), [
      ask('', host('ok'), '/header'),
      { waitFor: 'HTTP/1.1 ' },
    ]),
    posted('another kind of cluster', at('main'), [ask('', host('none'), '/other'), { waitFor: 'HTTP/1.1 ' }]),
    posted('a cluster that there is not', at('main'), [ask('', host('none'), '/missing'), { waitFor: 'HTTP/1.1 ' }]),
    posted('as many requests wait as may', at('breaker'), [getHost(host('ok')), { waitFor: 'HTTP/1.1 ' }], {
      holdConnections: 1,
      holdBytes: getHost(host('silent')),
    }),
    posted('a name that is known while as many wait as may', at('breaker'), [
      getHost(host('ok')),
      { waitCount: ['HTTP/1.1 ', 1] },
      { admin: '/stats?filter=dns_cache.breaker.*rq_pending' },
    ]),
  ]),
  one('to a server that has the name', 'tls', host('ok', ':{{backend:secure}}')),
  one('to a server that has another name', 'tls', host('other', ':{{backend:secure}}')),
  one('to an address', 'tls', '127.0.0.1:{{backend:secure}}'),
  one('without a look at the name', 'insecure', host('other', ':{{backend:secure}}')),
  one('without a name', 'insecure', host('ok', ':{{backend:secure}}')),
]

export const forwardProxySuite: ParitySuite = {
  name: 'forward proxy',
  backends: ['main', 'secure'],
  tlsBackends: { secure: { cert: certificate.cert, key: certificate.key } },
  yaml: bootstrap(
    [
      ...Object.entries(caches).flatMap(([name, more]) => [
        httpListener({
          name,
          filters: filter(`${cache(name, more)}, save_upstream_address: true`),
          virtualHosts: routesTo(name),
          routeConfig: 'validate_clusters: false',
          hcm: 'upgrade_configs: [ { upgrade_type: CONNECT } ]',
        }),
        httpListener({
          name: `${name}_bare`,
          virtualHosts: routesTo(`${name}_bare`),
          routeConfig: 'validate_clusters: false',
          hcm: 'upgrade_configs: [ { upgrade_type: CONNECT } ]',
        }),
      ]),
      httpListener({ name: 'tls', virtualHosts: routesTo('tls'), routeConfig: 'validate_clusters: false' }),
      httpListener({ name: 'insecure', virtualHosts: routesTo('insecure'), routeConfig: 'validate_clusters: false' }),
    ],
    [
      ...Object.entries(caches).flatMap(([name, more]) => [
        forwardProxyCluster(name, cache(name, more)),
        forwardProxyCluster(`${name}_bare`, cache(`${name}_bare`, more)),
      ]),
      forwardProxyCluster('tls', cache('tls'), TLS),
      forwardProxyCluster(
        'insecure',
        `${cache('insecure')}, allow_insecure_cluster_options: true`,
        `${TLS}\n${explicit('auto_sni: false')}`,
      ),
      plain,
    ],
  ),
  cases,
}
