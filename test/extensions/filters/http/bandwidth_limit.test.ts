/** The bucket of a bandwidth limit over two workers, and what waits for it. */
import { afterEach, describe, expect, it } from 'vitest'
import type { Server } from '../../../../src/server/server.ts'
import { bootstrap, httpFilter, httpListener } from '../../../parity/yaml.ts'
import { portOf, startServer, statOf, until } from '../../../server/support.ts'
import { RawClient } from '../../../support/raw_client.ts'

let server: Server
const clients: RawClient[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await server.stop()
})

const bodyBytes = 700

async function start(limit: string): Promise<void> {
  const answer = `direct_response: { status: 200, body: { inline_string: ${'x'.repeat(bodyBytes)} } }`
  const listener = httpListener({
    name: 'main',
    filters: httpFilter('bandwidth_limit', 'BandwidthLimit', `stat_prefix: b, enable_mode: RESPONSE, ${limit}`),
    virtualHosts: `- { name: all, domains: ["*"], routes: [ { match: { prefix: "/" }, ${answer} } ] }`,
  })
  const yaml = bootstrap([listener], []).replaceAll('{{dir}}/access.log', '/dev/null')
  server = await startServer(yaml, '--concurrency', '2')
}

async function get(): Promise<RawClient> {
  const client = await RawClient.connect(portOf(server, 'main'))
  clients.push(client)
  client.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n')
  return client
}

const stat = (name: string) => statOf(server, `b.http_bandwidth_limit.${name}`) ?? 0
const bodyOf = ({ text }: RawClient) => text.slice(text.indexOf('\r\n\r\n') + 4)

describe('a bandwidth limit', () => {
  it('is one for all workers', async () => {
    // A second of bytes is there at first; with a bucket for each worker it would be two.
    await start('limit_kbps: 1, fill_interval: 1s')
    const begunMs = performance.now()
    const asked = await Promise.all(Array.from({ length: 12 }, get))
    await until('all wait', () => stat('response_enabled') === 12 && stat('response_allowed_total_size') >= 1024)
    const received = asked.reduce((sum, client) => sum + bodyOf(client).length, 0)
    const filledBytes = ((performance.now() - begunMs) / 1000) * 1024
    expect(received).toBeLessThanOrEqual(1024 + filledBytes)
    expect(stat('response_incoming_total_size')).toBe(12 * bodyBytes)
    for (const client of asked) client.reset()
    await until('nobody waits', () => stat('response_pending') === 0)
  })
})
