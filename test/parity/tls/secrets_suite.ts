/** Secrets of the configuration and from files: what is served with them, and what the admin interface says of them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { get } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent } from '../yaml.ts'

const ca = new CertificateAuthority()
export const removeCertificates = (): void => ca.remove()

const server = ca.issue({ name: 'server', altNames: ['DNS:a.test'] })
const client = ca.issue({ name: 'client', altNames: ['DNS:client.test'] })

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'
const pair = `{ certificate_chain: { filename: ${server.certPath} }, private_key: { filename: ${server.keyPath} }, password: { inline_string: "" } }`
const inlinePair = `{ certificate_chain: { inline_string: ${JSON.stringify(String(server.cert))} }, private_key: { inline_string: ${JSON.stringify(String(server.key))} } }`
const ticketKeys = `{ keys: [ { inline_bytes: ${Buffer.alloc(80, 7).toString('base64')} } ] }`

/** A file of secrets, each the fields of its message. */
function secretFile(name: string, secrets: readonly string[], version = ''): string {
  const path = join(ca.folder, `${name}.yaml`)
  const resources = secrets.map((secret) => `- { "@type": ${TLS}.Secret, ${secret} }`)
  const list = secrets.length === 0 ? 'resources: []' : `resources:\n${resources.join('\n')}`
  writeFileSync(path, `version_info: "${version}"\n${list}\n`)
  return `sds_config: { path_config_source: { path: ${path} } }`
}

const trust = `validation_context: { trusted_ca: { filename: ${ca.certPath} } }`
const certificate = `{ name: cert, ${secretFile('cert', [`name: cert, tls_certificate: ${pair}`])} }`
const authority = `{ name: trust, ${secretFile('trust', [`name: trust, ${trust}`], 'v7')} }`
const keys = `{ name: tickets, ${secretFile('tickets', [`name: tickets, session_ticket_keys: ${ticketKeys}`], 'a b')} }`
const several = `{ name: s_one, ${secretFile('several', [`name: s_one, tls_certificate: ${pair}`, `name: s_two, ${trust}`])} }`
const none = `{ name: s_none, ${secretFile('none', [])} }`
const misnamed = `{ name: s_wanted, ${secretFile('misnamed', [`name: other, tls_certificate: ${pair}`])} }`
const unreadable = `{ name: s_bad, ${secretFile('bad', ['name: s_bad, tls_certificate: { certificate_chain: { filename: /nope }, private_key: { filename: /nope } }'])} }`

function tlsListener(name: string, common: string, context = ''): string {
  const socket = `
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": ${TLS}.DownstreamTlsContext
${indent(context, 6)}
      common_tls_context:
${indent(common, 8)}
`
  return httpListener({
    name,
    logFormat: '%RESPONSE_CODE% %DOWNSTREAM_PEER_SUBJECT%',
    hcm: 'codec_type: HTTP1',
  }).replace(
    '  filter_chains:\n  - filters:',
    `  filter_chains:\n${indent(socket, 2).replace('    transport', '  - transport')}\n    filters:`,
  )
}

const byName = (config: string): string => `tls_certificate_sds_secret_configs: [ ${config} ]`
const unready = { several, none, misnamed, unreadable }

const listeners = [
  tlsListener('main', byName('{ name: own }')),
  tlsListener(
    'dynamic',
    `${byName(certificate)}\ncombined_validation_context: { default_validation_context: {}, validation_context_sds_secret_config: ${authority} }`,
    `require_client_certificate: true\nsession_ticket_keys_sds_secret_config: ${keys}`,
  ),
  ...Object.entries(unready).map(([name, config]) => tlsListener(name, byName(config))),
]

const secrets = `
node: { id: n1, cluster: c1 }
`
const staticSecrets = `
  secrets:
  - { name: own_trust, ${trust} }
  - { name: own_tickets, session_ticket_keys: { keys: [ { filename: ${server.certPath} }, { inline_bytes: AAAA } ] } }
  - { name: own, tls_certificate: ${inlinePair} }
  - { name: own_texts, generic_secret: { secrets: { a: { inline_string: hidden } } } }
`

const NOISE: [RegExp, string][] = [
  [/"last_updated": "[^"]*"/g, '"last_updated": "T"'],
  [/(update_time|version): \d{3,}/g, '$1: N'],
]

const read = (path: string): ParityCase => ({
  name: `secrets: ${path}`,
  steps: [{ admin: path }],
  logLines: 0,
  tls: {},
  normalize: NOISE,
})

const names = Object.keys(unready)
const cases: ParityCase[] = [
  read('/config_dump?resource=static_secrets'),
  read('/config_dump?resource=dynamic_active_secrets'),
  ...['s_one', 's_none', 's_wanted', 'nobody'].map((name) =>
    read(`/config_dump?resource=dynamic_warming_secrets&name_regex=${name}`),
  ),
  read('/config_dump?name_regex=trust&resource=dynamic_active_secrets&mask=version_info'),
  read('/stats?filter=^sds%5C.'),
  read('/stats?filter=ssl_socket_factory'),
  {
    name: 'secrets: a request',
    tls: {},
    steps: [get('/'), { waitFor: 'ok' }],
    stats: 'ssl_socket_factory|^sds',
  },
  {
    name: 'secrets: a request to secrets from files',
    listener: 'dynamic',
    tls: { cert: client.cert, key: client.key },
    steps: [get('/'), { waitFor: 'ok' }],
    stats: 'ssl_socket_factory|^sds',
  },
  ...names.map(
    (name): ParityCase => ({
      name: `secrets: a request to ${name}`,
      listener: name,
      tls: {},
      steps: [get('/'), { waitClosed: true }],
      stats: 'ssl_socket_factory|^sds',
      logLines: 0,
    }),
  ),
]

export const secretsSuite: ParitySuite = {
  name: 'secrets',
  yaml: bootstrap(listeners, [cluster('main')], secrets).replace(
    'static_resources:\n',
    `static_resources:${staticSecrets}`,
  ),
  cases,
}
