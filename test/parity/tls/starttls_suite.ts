/** Listeners that could change from plain text to TLS, and never do so without a filter that asks for it. */
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import { clientHello } from '../../support/client_hello.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { listener, TYPE } from '../l4/l4_yaml.ts'
import { get } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent } from '../yaml.ts'

const ca = new CertificateAuthority()
const own = ca.issue({ name: 'own', altNames: ['DNS:a.test'] })
export const removeCertificates = (): void => ca.remove()

const START = `
transport_socket:
  name: envoy.transport_sockets.starttls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.starttls.v3.StartTlsConfig
    cleartext_socket_config: {}
    tls_socket_config:
      common_tls_context:
        tls_certificates: [ { certificate_chain: { filename: ${own.certPath} }, private_key: { filename: ${own.keyPath} } } ]
`
const ECHO = `- { name: e, typed_config: { "@type": ${TYPE}.echo.v3.Echo } }`
const LOG = '%RESPONSE_CODE% %PROTOCOL% tls=%DOWNSTREAM_TLS_VERSION% fail=%DOWNSTREAM_TRANSPORT_FAILURE_REASON%'
const http = httpListener({ name: 'main', logFormat: LOG, hcm: 'use_remote_address: true' })

const yaml = bootstrap(
  [
    // The chain's own fields follow its filters.
    `${http.trimEnd()}\n${indent(START, 4)}`,
    listener('echo', ECHO, '', START),
    listener('plain', ECHO, '', `filter_chain_match: { transport_protocol: raw_buffer }\n${START}`),
    listener('tls', ECHO, '', `filter_chain_match: { transport_protocol: tls }\n${START}`),
  ],
  [cluster('main')],
)

const STATS = '^(http|listener)\\.'
const HELLO = clientHello({ serverName: 'a.test' }).toString('latin1')
const sends = (name: string, listenerName: string, bytes: string): ParityCase => ({
  name: `starttls: ${name}`,
  listener: listenerName,
  steps: [bytes],
  logLines: 0,
  stats: STATS,
})

export const startTlsSuite: ParitySuite = {
  name: 'starttls downstream',
  yaml,
  cases: [
    { name: 'starttls: plain HTTP', steps: [get('/'), { waitFor: '\r\n\r\nok' }], stats: STATS },
    { name: 'starttls: TLS to HTTP', steps: [HELLO, { waitClosed: true }], stats: STATS },
    sends('plain bytes', 'echo', 'hello'),
    sends('TLS comes back as it is', 'echo', HELLO),
    sends('chain of raw_buffer', 'plain', 'hello'),
    sends('chain of tls', 'tls', HELLO),
  ],
}
