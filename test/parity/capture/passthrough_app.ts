/** What an application asks of the world, through a cluster that goes wherever the application wanted to. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTcpServer, type Server } from 'node:net'
import { ask, logLines, playWith, settledStats } from './app.ts'
import { captureBootstrap, http, listener, onPort, tcp } from './listeners_yaml.ts'

const originalDst = (name: string, fields = ''): string =>
  `- { name: ${name}, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, connect_timeout: 5s, cleanup_interval: 300s${fields && `, ${fields}`} }`

const byHeader = 'original_dst_lb_config: { use_http_header: true }'
const chains = onPort(15001, tcp('blackhole', 'BlackHoleCluster')) + tcp('passthrough', 'PassthroughCluster')
const captures = 'use_original_dst: true'
const unbound = 'bind_to_port: false'

const yaml = captureBootstrap(
  [
    listener({ name: 'outbound', address: '0.0.0.0', port: 15001, fields: captures, chains }),
    listener({ name: 'outbound6', address: '::', port: 15001, fields: captures, chains }),
    listener({
      name: 'http',
      address: '0.0.0.0',
      port: 8080,
      fields: unbound,
      chains: http('http', '{ route: { cluster: http } }'),
    }),
    listener({
      name: 'named',
      address: '0.0.0.0',
      port: 8081,
      fields: unbound,
      chains: http('named', '{ route: { cluster: named } }'),
    }),
    listener({
      name: 'other_port',
      address: '0.0.0.0',
      port: 8082,
      fields: unbound,
      chains: http('other_port', '{ route: { cluster: other_port } }'),
    }),
  ],
  [
    originalDst('PassthroughCluster'),
    originalDst('http'),
    originalDst('named', byHeader),
    originalDst('other_port', 'original_dst_lb_config: { upstream_port_override: 8080 }'),
    '- { name: BlackHoleCluster, type: STATIC, connect_timeout: 5s }',
  ],
)

/** Servers of the outside: they say who they are, and who asks them. */
async function startOutside(): Promise<Server[]> {
  const web = (host: string, port: number): Server =>
    createServer((request, response) => response.end(`web ${host} ${port} for ${request.headers.host}`)).listen(
      port,
      host,
    )
  // It speaks first, as a database does, and asks for nothing.
  const greeter = createTcpServer((socket) =>
    socket
      .resume()
      .end('hello from 10.9.0.3')
      .on('error', () => {}),
  ).listen(3306, '10.9.0.3')
  const servers = [
    web('10.9.0.1', 80),
    web('10.9.0.2', 80),
    web('10.9.0.1', 8080),
    web('10.9.0.2', 8081),
    web('fd00::1', 80),
    greeter,
  ]
  await Promise.all(servers.map((server) => once(server, 'listening')))
  return servers
}

const named = (to: string): string =>
  `GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-envoy-original-dst-host: ${to}\r\n\r\n`

const asked: readonly (readonly [host: string, port: number, request?: string])[] = [
  ['10.9.0.1', 80],
  ['10.9.0.2', 80],
  ['10.9.0.1', 80],
  ['fd00::1', 80],
  ['10.9.0.3', 3306],
  ['10.9.0.1', 4444],
  ['10.9.0.1', 15001],
  ['10.9.0.1', 8080],
  ['10.9.0.2', 8081],
  ['10.9.0.2', 8081, named('10.9.0.1:80')],
  ['10.9.0.2', 8081, named('[fd00::1]:80')],
  ['10.9.0.2', 8081, named('nowhere')],
  ['10.9.0.1', 8082],
]

await playWith(yaml, async (proxy) => {
  const servers = await startOutside()
  const answers: string[] = []
  for (const [host, port, request] of asked) answers.push(`${host} ${port}: ${await ask(host, port, request)}`)
  const log = await logLines(proxy, asked.length)
  const filter =
    '^cluster\\..*\\.(membership_(total|change)|original_dst|upstream_cx_(total|none)|upstream_rq_(200|503))'
  // The host that was wanted last is told of last.
  const stats = await settledStats(proxy, filter, (all) => all.get('cluster.other_port.membership_total') === 1)
  for (const server of servers) server.close()
  return { answers, log, stats }
})
