/** CONNECT, and POST in its place, that ends at the proxy: the payload goes on as plain TCP. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { bootstrap, cluster, httpListener } from '../yaml.ts'

const LOG =
  '%RESPONSE_CODE% %RESPONSE_FLAGS% rx=%BYTES_RECEIVED% tx=%BYTES_SENT% host=%UPSTREAM_HOST% details=%RESPONSE_CODE_DETAILS%'
const connects: Record<string, string> = {
  plain: '{}',
  v1: '{ proxy_protocol_config: { version: V1 } }',
  v2: '{ proxy_protocol_config: { version: V2 } }',
  post: '{ allow_post: true }',
  post_v1: '{ allow_post: true, proxy_protocol_config: {} }',
}

function routes(connect: string): string {
  const route = `{ cluster: main, upgrade_configs: [ { upgrade_type: CONNECT, connect_config: ${connect} } ] }`
  return `
- name: all
  domains: ["*"]
  routes:
  - { match: { connect_matcher: {} }, route: ${route} }
  - { match: { prefix: /refused }, route: { cluster: refused, upgrade_configs: [ { upgrade_type: CONNECT, connect_config: ${connect} } ] } }
  - { match: { prefix: / }, route: ${route} }
`
}

const yaml = bootstrap(
  Object.entries(connects).map(([name, connect]) =>
    httpListener({
      name,
      logFormat: LOG,
      hcm: 'delayed_close_timeout: 0.1s\nupgrade_configs: [ { upgrade_type: CONNECT } ]',
      virtualHosts: routes(connect),
    }),
  ),
  [cluster('main'), cluster('refused', '', '1')],
)

const PORTS: readonly [RegExp, string][] = [
  [/(PROXY TCP4 \S+ \S+) \d+ \d+/g, '$1 <ports>'],
  [/(\r\n\r\n\0\r\nQUIT\n!\x11\0.\x7f\0\0\x01\x7f\0\0\x01)[\s\S]{4}/g, '$1<ports>'],
]
const CONNECT = 'CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n'
const STATS = '^(cluster\\.(main|refused)\\.upstream|http\\.)'

const on = (to: string, name: string, steps: ParityCase['steps'], more: Partial<ParityCase> = {}): ParityCase => ({
  name: `connect ${to}: ${name}`,
  listener: to,
  steps,
  normalize: PORTS,
  stats: STATS,
  ...more,
})
const talk: ParityCase['steps'] = [CONNECT, { waitFor: '200' }, 'ping', { waitFor: 'echo(ping)' }]
const post: ParityCase['steps'] = [POST, { waitFor: '200' }, '4\r\nping\r\n', { waitFor: 'echo(ping)' }]

export const connectSuite: ParitySuite = {
  name: 'connect',
  yaml,
  scripts: {
    main: {
      raw: true,
      // A header may come by itself.
      onTunnelData: (connection, data) => {
        if (/ping|GET/.test(data)) connection.send(`echo(${data.includes('ping') ? 'ping' : 'GET'})`)
      },
    },
  },
  cases: [
    ...Object.keys(connects).flatMap((name) => [
      on(name, 'CONNECT', talk),
      on(name, 'CONNECT without payload', [CONNECT, { waitFor: '200' }]),
    ]),
    ...['post', 'post_v1'].flatMap((name) => [
      on(name, 'POST', post),
      on(name, 'POST that ends', [...post, '0\r\n\r\n', { waitClosed: true }]),
      on(name, 'POST with a length', [
        'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nping',
        { waitFor: 'echo(ping)' },
      ]),
      on(name, 'POST, refused', [
        'POST /refused HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nping',
        { waitFor: '\r\n\r\n' },
      ]),
    ]),
  ],
}
