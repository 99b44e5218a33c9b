/** Connections to a capturing listener itself, which nothing has redirected: a cluster that goes where they wanted to go goes back. */
import { ask, logLines, playWith } from './app.ts'
import { captureBootstrap, http, listener, tcp } from './listeners_yaml.ts'

/** Where a proxy goes round this ends it. */
const LIMIT = 40
const cluster = (name: string, fields = ''): string =>
  `- { name: ${name}, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, connect_timeout: 5s${fields} }`
const limits = ['outbound', 'transparent', 'web', 'named']
  .map((name) => `envoy.resource_limits.listener.${name}.connection_limit: ${LIMIT}`)
  .join(', ')

const yaml = captureBootstrap(
  [
    listener({
      name: 'outbound',
      address: '0.0.0.0',
      port: 15001,
      fields: 'use_original_dst: true',
      chains: tcp('outbound', 'passthrough'),
    }),
    listener({
      name: 'transparent',
      address: '0.0.0.0',
      port: 15005,
      fields: 'transparent: true\nuse_original_dst: true',
      chains: tcp('transparent', 'passthrough'),
    }),
    listener({
      name: 'web',
      address: '0.0.0.0',
      port: 15003,
      fields: 'use_original_dst: true',
      chains: http('web', '{ route: { cluster: passthrough } }'),
    }),
    listener({
      name: 'named',
      address: '0.0.0.0',
      port: 15004,
      chains: http('named', '{ route: { cluster: named } }'),
    }),
  ],
  [cluster('passthrough'), cluster('named', ', original_dst_lb_config: { use_http_header: true }')],
).replace(
  'static_resources:',
  `layered_runtime: { layers: [ { name: a, static_layer: { ${limits} } } ] }\nstatic_resources:`,
)

await playWith(yaml, async (proxy) => {
  const named = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-envoy-original-dst-host: 127.0.0.1:15004\r\n\r\n'
  const answers = [
    await ask('127.0.0.1', 15001),
    // Redirected to itself: the second time it comes as it is.
    await ask('10.9.0.1', 15001),
    await ask('127.0.0.1', 15005),
    await ask('127.0.0.1', 15003),
    await ask('127.0.0.1', 15004, named),
    await ask('10.9.0.1', 15004, named),
  ]
  const stats = Object.fromEntries(
    await proxy.stats('^listener\\.(outbound|transparent|web|named)\\.downstream_cx_(total|overflow)$'),
  )
  const log = (await logLines(proxy, 4)).filter((line) => line.includes('details=original_dst'))
  return { answers, stats, log }
})
