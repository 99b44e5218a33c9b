/** Connections that come from outside, redirected or by TPROXY, and which listener answers them. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { logLines, playWith } from './app.ts'
import {
  answer,
  captureBootstrap,
  type ListenerParts,
  listener,
  onPort,
  onSubnet,
  originalDst,
  tcp,
} from './listeners_yaml.ts'

const restores = `listener_filters:\n${originalDst}`

/** One for each family. */
function both({ name, port, fields, chains }: Omit<ListenerParts, 'address'>): string[] {
  const one = (suffix: string, address: string): string =>
    listener({ name: `${name}${suffix}`, address, port, fields: fields ?? '', ...(chains && { chains }) })
  return [one('', '0.0.0.0'), one('6', '::')]
}

const yaml = captureBootstrap(
  [
    ...both({
      name: 'redirected',
      port: 15006,
      fields: restores,
      chains: onPort(8081, answer('port_8081')) + answer('other'),
    }),
    ...both({ name: 'tproxy', port: 15008, fields: 'transparent: true\nuse_original_dst: true' }),
    ...both({
      name: 'transparent_alone',
      port: 15010,
      fields: 'transparent: true\nuse_original_dst: false',
      chains: onSubnet('10.9.5.0', 24, answer('subnet')) + onSubnet('fd00:5::', 64, answer('subnet6')) + answer('any'),
    }),
    // Goes on to where the client wanted to go, in the sidecar's own namespace.
    listener({
      name: 'through',
      address: '0.0.0.0',
      port: 15012,
      fields: `transparent: true\n${restores}`,
      chains: tcp('through', 'passthrough'),
    }),
    listener({ name: 'exact', address: '10.9.5.5', port: 8080, fields: 'bind_to_port: false' }),
    listener({ name: 'exact6', address: 'fd00:5::5', port: 8080, fields: 'bind_to_port: false' }),
  ],
  [
    '- { name: passthrough, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, connect_timeout: 5s, cleanup_interval: 300s }',
  ],
)

const asked = ['10.9.1.1', '10.9.5.5', '10.9.5.6', 'fd00:1::1', 'fd00:5::5', 'fd00:5::6'].flatMap((host) => [
  `${host} 8080`,
  `${host} 8081`,
  `${host} 8082`,
  `${host} 8083`,
])
asked.push('10.9.1.1 8084')

await playWith(yaml, async (proxy) => {
  const outside = join(import.meta.dirname, 'outside.ts')
  const web = createServer((_, response) => response.end('web')).listen(8084, '10.9.1.1')
  await once(web, 'listening')
  const args = ['netns', 'exec', 'outside', process.execPath, outside, ...asked]
  const { stdout } = await promisify(execFile)('ip', args)
  web.close()
  return { answers: JSON.parse(stdout), log: await logLines(proxy, asked.length) }
})
