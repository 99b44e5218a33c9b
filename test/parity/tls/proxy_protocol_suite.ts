/** PROXY headers towards upstreams: versions, addresses, TLVs, over HTTP and TCP. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { listener, tcpProxy } from '../l4/l4_yaml.ts'
import { get, response } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent } from '../yaml.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets'
const RAW = `{ name: envoy.transport_sockets.raw_buffer, typed_config: { "@type": ${TYPE}.raw_buffer.v3.RawBuffer } }`

function proxyProtocol(config: string, more = ''): string {
  return `
transport_socket:
  name: envoy.transport_sockets.upstream_proxy_protocol
  typed_config:
    "@type": ${TYPE}.proxy_protocol.v3.ProxyProtocolUpstreamTransport
    config: { ${config} }
    transport_socket: ${RAW}
${indent(more, 4)}
`
}

const B = '{{backend:main}}'
const LONG = Buffer.alloc(65525, 'x').toString('base64')
const added = 'added_tlvs: [ { type: 0xE0, value: YWRkZWQ= }, { type: 0xE1, value: b3RoZXI= } ]'
const PER_HOST = `{ typed_filter_metadata: { envoy.transport_sockets.proxy_protocol: { "@type": type.googleapis.com/envoy.config.core.v3.PerHostConfig, added_tlvs: [ { type: 0xE1, value: aG9zdA== }, { type: 0xE2, value: b3du } ] } } }`

const clusters: Record<string, string> = {
  v1: cluster('v1', proxyProtocol('version: V1'), B),
  v2: cluster('v2', proxyProtocol('version: V2'), B),
  v1_unspecified: cluster('v1_unspecified', proxyProtocol('version: V1', 'allow_unspecified_address: true'), B),
  v2_unspecified: cluster(
    'v2_unspecified',
    proxyProtocol(`version: V2, ${added}`, 'allow_unspecified_address: true'),
    B,
  ),
  v2_long: cluster('v2_long', proxyProtocol(`version: V2, added_tlvs: [ { type: 0xE0, value: "${LONG}" } ]`), B),
  v2_added: cluster('v2_added', proxyProtocol(`version: V2, ${added}`), B),
  v2_host: cluster('v2_host', proxyProtocol(`version: V2, ${added}`), B).replace(
    '- endpoint:',
    `- metadata: ${PER_HOST}\n        endpoint:`,
  ),
  v2_pool_key: cluster('v2_pool_key', proxyProtocol('version: V2', 'tlv_as_pool_key: true'), B),
  refused: cluster('refused', proxyProtocol('version: V1'), '1'),
  start: cluster(
    'start',
    `transport_socket: { name: s, typed_config: { "@type": ${TYPE}.starttls.v3.UpstreamStartTlsConfig, tls_socket_config: { sni: a.test } } }`,
    B,
  ),
}

const names = Object.keys(clusters)
const hosts = `
- name: all
  domains: ["*"]
  routes:
${names.map((name) => `  - { match: { path: /${name} }, route: { cluster: ${name} } }`).join('\n')}
`
const LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% fail=%UPSTREAM_TRANSPORT_FAILURE_REASON% sni=%UPSTREAM_SERVER_NAME%'

const yaml = bootstrap(
  [
    httpListener({ name: 'main', virtualHosts: hosts, logFormat: LOG }),
    httpListener({
      name: 'xff',
      virtualHosts: hosts,
      logFormat: LOG,
      hcm: 'use_remote_address: true\nxff_num_trusted_hops: 1',
    }),
    ...names.map((name) => listener(`tcp_${name}`, tcpProxy(`cluster: ${name}`, `tcp_${name}`))),
    ...['v2', 'v2_unspecified'].map(
      (name) => `
- name: pipe_${name}
  stat_prefix: pipe_${name}
  address: { pipe: { path: "{{dir}}/${name}" } }
  filter_chains:
  - filters:
${indent(tcpProxy(`cluster: ${name}`, `pipe_${name}`), 4)}
`,
    ),
  ],
  Object.values(clusters),
)

/** Ports of the client and of the listener, in text and in bytes. */
const PORTS: readonly [RegExp, string][] = [
  [/(PROXY TCP4 \S+ \S+) \d+ \d+/g, '$1 <ports>'],
  [/(\r\n\r\n\0\r\nQUIT\n!\x11\0.\x7f\0\0\x01\x7f\0\0\x01)[\s\S]{4}/g, '$1<ports>'],
]

const http = (name: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `proxy protocol: ${name} over http`,
  steps: [get(`/${name}`), { waitFor: '\r\n\r\n' }, get(`/${name}`), { waitCount: ['\r\n\r\nok', 2] }],
  reply: response(200, 'ok'),
  stats: `^cluster\\.${name}\\.`,
  normalize: PORTS,
  logLines: 2,
  ...more,
})

const tcp = (name: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `proxy protocol: ${name} over tcp`,
  listener: `tcp_${name}`,
  steps: ['hello', { waitFor: 'echo(hello)' }, { halfClose: true }, { waitClosed: true }],
  stats: `^cluster\\.${name}\\.`,
  normalize: PORTS,
  ...more,
})

export const proxyProtocolSuite: ParitySuite = {
  name: 'proxy protocol upstream',
  yaml,
  backends: ['main'],
  scripts: {
    main: {
      raw: true,
      onTunnelData: (connection, data) => {
        // The header may come by itself.
        if (data.includes('GET ')) connection.send(response(200, 'ok'))
        else if (data.endsWith('hello')) connection.send('echo(hello)')
      },
    },
  },
  cases: [
    ...names.filter((name) => name !== 'refused').map((name) => http(name)),
    ...names.filter((name) => name !== 'refused').map((name) => tcp(name)),
    {
      ...http('v1'),
      name: 'proxy protocol: behind another proxy',
      listener: 'xff',
      steps: ['GET /v1 HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 1.2.3.4, 5.6.7.8\r\n\r\n', { waitFor: '\r\n\r\nok' }],
      logLines: 1,
    },
    ...['v2', 'v2_unspecified'].map((name) => ({
      ...tcp(name),
      name: `proxy protocol: ${name} from a pipe`,
      listener: 'main',
      pipe: `{{dir}}/${name}`,
      logLines: 0,
    })),
    { ...http('refused'), steps: [get('/refused'), { waitFor: '\r\n\r\n' }], logLines: 1 },
  ],
}
