/** What a sidecar is for: the kernel sends it others' connections. Each proxy has a network namespace of the test's own. */
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { DEBIAN_INSTALL_TIMEOUT_MS } from '../../support/ensure_debian_command.ts'
import { ensureNamespaceTools, runInNamespace } from '../../support/network_namespace.ts'
import type { ProxyKind } from '../../support/proxy_process.ts'
import { proxyPair } from '../define_suite.ts'
import { SIDECAR_GROUP } from './app.ts'

const LATEST_MS = 120_000
const TIMEOUT = { timeout: 2 * LATEST_MS }

/** The application's own connections, but for those of the sidecar and to loopback. */
const captureOutput = (command: string, loopback: string): string[] => [
  `${command} -t nat -N OUT`,
  `${command} -t nat -A OUTPUT -p tcp -j OUT`,
  `${command} -t nat -A OUT -m owner --gid-owner ${SIDECAR_GROUP} -j RETURN`,
  `${command} -t nat -A OUT -d ${loopback} -j RETURN`,
  `${command} -t nat -A OUT -p tcp --dport 9300 -j REDIRECT --to-ports 15003`,
  `${command} -t nat -A OUT -p tcp -j REDIRECT --to-ports 15001`,
]
const outbound = [
  // All of these addresses are this namespace's.
  'ip route add local 10.9.0.0/16 dev lo',
  'ip -6 addr add fd00::1/128 dev lo nodad',
  'ip -6 route add local fd00::/64 dev lo',
  ...captureOutput('iptables', '127.0.0.0/8'),
  ...captureOutput('ip6tables', '::1/128'),
]

/** What comes through the device: redirected to one listener, or by TPROXY to one of two. */
const captureInput = (command: string, version: string, all: string): string[] => [
  `ip ${version} rule add fwmark 1 lookup 100`,
  `ip ${version} route add local ${all} dev lo table 100`,
  `${command} -t nat -A PREROUTING -i inside -p tcp --dport 8081 -j REDIRECT --to-ports 15006`,
  `${command} -t nat -A PREROUTING -i inside -p tcp --dport 8083 -j REDIRECT --to-ports 15006`,
  `${command} -t mangle -A PREROUTING -i inside -p tcp --dport 8080 -j TPROXY --on-port 15008 --tproxy-mark 1`,
  `${command} -t mangle -A PREROUTING -i inside -p tcp --dport 8082 -j TPROXY --on-port 15010 --tproxy-mark 1`,
  `${command} -t mangle -A PREROUTING -i inside -p tcp --dport 8084 -j TPROXY --on-port 15012 --tproxy-mark 1`,
]
const outside = (command: string): string => `ip netns exec outside ${command}`
const inbound = [
  // Where `ip netns` keeps its names; nobody else sees it.
  'mount -t tmpfs tmpfs /run',
  'ip netns add outside',
  'ip link add inside type veth peer name peer netns outside',
  'ip addr add 10.9.1.1/24 dev inside',
  'ip -6 addr add fd00:1::1/64 dev inside nodad',
  'ip link set inside up',
  outside('ip addr add 10.9.1.2/24 dev peer'),
  outside('ip -6 addr add fd00:1::2/64 dev peer nodad'),
  outside('ip link set peer up'),
  outside('ip route add 10.9.5.0/24 via 10.9.1.1'),
  outside('ip -6 route add fd00:5::/64 via fd00:1::1'),
  ...captureInput('iptables', '-4', '0.0.0.0/0'),
  ...captureInput('ip6tables', '-6', '::/0'),
]

/** What both have seen, each in its namespace: the same. */
async function seenByBoth(setup: readonly string[], script: string): Promise<unknown> {
  const path = join(import.meta.dirname, script)
  const [first, second] = await Promise.all(proxyPair().map((kind) => runInNamespace(setup, [path, kind], LATEST_MS)))
  expect(second).toEqual(first)
  return second
}

beforeAll(ensureNamespaceTools, DEBIAN_INSTALL_TIMEOUT_MS)

describe('outbound capture', () => {
  it('a redirected connection is given to the listener of its original destination', TIMEOUT, async () => {
    expect(await seenByBoth(outbound, 'listeners_app.ts')).toMatchObject({
      answers: {
        '10.9.0.1 9070': 'exact',
        '10.9.0.2 9070': 'catch_all',
        '10.9.0.1 9080': 'wildcard',
        '10.9.0.2 9080': 'exact_before_wildcard',
        '10.9.0.1 15001': 'blackhole',
        'fd00::1 9070': 'exact6',
        'fd00::1 9080': 'wildcard6',
      },
    })
  })

  it('what has no listener of its own goes on to where it was going', TIMEOUT, async () => {
    expect(await seenByBoth(outbound, 'passthrough_app.ts')).toMatchObject({
      answers: expect.arrayContaining(['10.9.0.1 80: web 10.9.0.1 80 for a', '10.9.0.3 3306: hello from 10.9.0.3']),
    })
  })

  it('a connection to the proxy itself goes round in Envoy, up to a limit, and is refused here', TIMEOUT, async () => {
    const path = join(import.meta.dirname, 'loop_app.ts')
    const kinds: readonly ProxyKind[] = ['envoy', 'nuncio']
    const [envoy, nuncio] = await Promise.all(kinds.map((kind) => runInNamespace(outbound, [path, kind], LATEST_MS)))
    for (const name of ['outbound', 'transparent', 'web', 'named'])
      expect(envoy).not.toMatchObject({ stats: { [`listener.${name}.downstream_cx_overflow`]: 0 } })
    expect(nuncio).toMatchObject({
      answers: ['closed', 'closed', 'closed', 'no healthy upstream', 'no healthy upstream', 'no healthy upstream'],
      stats: {
        'listener.outbound.downstream_cx_total': 3,
        'listener.transparent.downstream_cx_total': 1,
        'listener.web.downstream_cx_total': 1,
        'listener.named.downstream_cx_total': 3,
      },
      log: expect.arrayContaining([expect.stringContaining('details=original_dst_is_own_address')]),
    })
  })

  it('listeners without sockets come, change, stop and go', TIMEOUT, async () => {
    await seenByBoth(outbound, 'updates_app.ts')
  })
})

describe('inbound capture', () => {
  it('what comes from outside is redirected, or comes as it is', TIMEOUT, async () => {
    expect(await seenByBoth(inbound, 'inbound_app.ts')).toMatchObject({
      answers: {
        '10.9.5.5 8080': 'exact',
        '10.9.5.6 8080': 'tproxy',
        '10.9.5.6 8081': 'port_8081',
        '10.9.1.1 8084': 'web',
      },
    })
  })
})
