// The filter's memory of a check that passed: one for all workers, and not for ever.

import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Server } from '../../../../../src/server/server.ts'
import { portOf, startServer, until } from '../../../../server/support.ts'
import { EchoBackend } from '../../../../support/echo_backend.ts'
import { httpRequest } from '../../../../support/http_get.ts'

const types = 'type.googleapis.com/envoy.extensions.filters'
let backend: EchoBackend
let server: Server | undefined

beforeEach(async () => {
  backend = await EchoBackend.start()
})

afterEach(async () => {
  await server?.stop()
  await backend.stop()
})

async function start(cacheTime: string): Promise<string> {
  const check = `{ "@type": ${types}.http.health_check.v3.HealthCheck, pass_through_mode: true, cache_time: ${cacheTime} }`
  const yaml = `
static_resources:
  listeners:
  - name: main
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": ${types}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
          route_config: { virtual_hosts: [ { name: all, domains: ["*"], routes: [ { match: { prefix: / }, route: { cluster: c } } ] } ] }
          http_filters:
          - { name: check, typed_config: ${check} }
          - { name: router, typed_config: { "@type": ${types}.http.router.v3.Router } }
  clusters:
  - name: c
    load_assignment:
      cluster_name: c
      endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${backend.port} } } } } ] } ]
`
  server = await startServer(yaml, '--concurrency', '2')
  return `127.0.0.1:${portOf(server, 'main')}`
}

test('what one worker was answered, all answer', async () => {
  const address = await start('3600s')
  await httpRequest(address, '/')
  // Each is a connection of its own: so many reach every worker.
  const answers = await Promise.all(Array.from({ length: 24 }, () => httpRequest(address, '/')))
  expect(answers.every(({ status, body }) => status === 200 && body === '')).toBe(true)
  expect(backend.requests.length).toBe(1)
})

test('when its time is over, the next check passes', async () => {
  const address = await start('0.05s')
  await until('three checks have passed', async () => {
    await httpRequest(address, '/')
    return backend.requests.length >= 3
  })
})
