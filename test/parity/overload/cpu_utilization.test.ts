/** How busy the machine and the container are, as both proxies see it at the same time. */
import { type ChildProcess, spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { afterEach, expect, it } from 'vitest'
import { type ProxyProcess, startProxy } from '../../support/proxy_process.ts'
import { proxyPair } from '../define_suite.ts'

const CONFIG = 'type.googleapis.com/envoy.extensions.resource_monitors.cpu_utilization.v3.CpuUtilizationConfig'
const YAML = `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
overload_manager:
  refresh_interval: 0.05s
  resource_monitors:
  - { name: host, typed_config: { "@type": ${CONFIG} } }
  - { name: container, typed_config: { "@type": ${CONFIG}, mode: CONTAINER } }
`

let busy: ChildProcess | undefined
let proxies: ProxyProcess[] = []
afterEach(async () => {
  busy?.kill('SIGKILL')
  await Promise.all(proxies.map((proxy) => proxy.stop()))
})

it('utilization of the processors', async () => {
  busy = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
  proxies = await Promise.all(proxyPair().map((kind) => startProxy(kind, YAML)))
  for (const resource of ['host', 'container']) {
    const stat = `overload.${resource}.pressure`
    const pressures = () => Promise.all(proxies.map(async (proxy) => (await proxy.stats(stat)).get(stat) ?? 0))
    // One processor has no rest, and one reading is a twentieth of what is told: it takes some seconds until they agree.
    const agree = ([one, other]: number[]) =>
      one > 50 / availableParallelism() && Math.abs(one - other) <= Math.max(3, one / 10)
    await expect.poll(async () => agree(await pressures()), { timeout: 20_000, interval: 50 }).toBe(true)
  }
  for (const proxy of proxies) {
    const failed = await proxy.stats('failed_updates')
    expect([...failed.keys()].sort()).toEqual(['overload.container.failed_updates', 'overload.host.failed_updates'])
  }
})
