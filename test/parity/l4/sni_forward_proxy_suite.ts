/** TCP to the host that the TLS handshake names: looked up by the filter, or by the cluster alone. */
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import { DnsServer } from '../../support/dns_server.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { cacheConfig, EXTENSIONS, forwardProxyCluster } from '../http_filters/forward_proxy_yaml.ts'
import { getHost } from '../requests.ts'
import { bootstrap } from '../yaml.ts'
import { listener, tcpProxy } from './l4_yaml.ts'

const dns = await DnsServer.start()
dns.set('*.ok.test', { addresses: ['127.0.0.1'] })
dns.set('*.empty.test', { addresses: [] })
dns.set('*.silent.test', { silent: true })
const ca = new CertificateAuthority()
const certificate = ca.issue({ name: 'server', altNames: ['DNS:*.ok.test'] })

export async function stopSniForwardProxySupport(): Promise<void> {
  ca.remove()
  await dns.stop()
}

const INSPECTOR = `listener_filters: [ { name: i, typed_config: { "@type": ${EXTENSIONS}.filters.listener.tls_inspector.v3.TlsInspector } } ]`
const LOG =
  '%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% host=%UPSTREAM_HOST% cluster=%UPSTREAM_CLUSTER% sni=%REQUESTED_SERVER_NAME% ' +
  'attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% end=%CONNECTION_TERMINATION_DETAILS% reason=%DOWNSTREAM_LOCAL_CLOSE_REASON% ' +
  'fail=%UPSTREAM_TRANSPORT_FAILURE_REASON%'

const caches: Record<string, string> = {
  named: '',
  small: ', max_hosts: 1',
  silent: ', dns_query_timeout: 1s',
  portless: '',
}
const cache = (name: string): string => cacheConfig(name, dns.port, caches[name])

function filter(name: string): string {
  const port = name === 'portless' ? '' : ', port_value: {{backend:secure}}'
  const type = `${EXTENSIONS}.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig`
  return `- { name: sni, typed_config: { "@type": ${type}, ${cache(name)}${port}, save_upstream_address: true } }\n`
}

const statsOf = (name: string) =>
  `^(dns_cache\\.${name}\\.|tcp\\.${name}\\.|cluster\\.${name}\\.(membership|upstream_cx_(total|none_healthy|connect_fail)))`

function one(name: string, at: string, servername: string): ParityCase {
  return {
    name: `sni forward proxy: ${at}: ${name}`,
    listener: at,
    tls: { servername },
    stats: statsOf(at.replace('bare', 'portless')),
    steps: [getHost('inner'), { waitFor: 'ok' }],
  }
}

export const sniForwardProxySuite: ParitySuite = {
  name: 'sni forward proxy',
  backends: ['secure'],
  tlsBackends: { secure: { cert: certificate.cert, key: certificate.key } },
  yaml: bootstrap(
    [
      ...Object.keys(caches).map((name) =>
        listener(name, `${filter(name)}${tcpProxy(`cluster: ${name}`, name, LOG)}`, INSPECTOR),
      ),
      listener('bare', tcpProxy('cluster: portless', 'portless', LOG), INSPECTOR),
    ],
    Object.keys(caches).map((name) => forwardProxyCluster(name, cache(name))),
  ),
  cases: [
    one('a name that nobody has asked for', 'named', 'l{{look}}.ok.test'),
    one('a name again', 'named', 'again.ok.test'),
    one('a name again, indeed', 'named', 'again.ok.test'),
    one('a name without addresses', 'named', 'l{{look}}.empty.test'),
    one('a name that there is not', 'named', 'l{{look}}.none.test'),
    one('no name', 'named', ''),
    one('a name where there is room for one', 'small', 'first.ok.test'),
    one('a name where there is no room', 'small', 'l{{look}}.ok.test'),
    one('a name that nobody answers for', 'silent', 'l{{look}}.silent.test'),
    one('a name without a port', 'portless', 'l{{look}}.ok.test'),
    one('a name that the cluster looks up', 'bare', 'bare.ok.test'),
    one('no name for the cluster', 'bare', ''),
  ],
}
