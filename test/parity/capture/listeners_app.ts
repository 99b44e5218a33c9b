/** Connections to everywhere, each redirected by the kernel, and which listener answers them. */
import { ask, logLines, playWith, settledStats } from './app.ts'
import { answer, captureBootstrap, httpInspector, listener, onPort, onSubnet, originalDst } from './listeners_yaml.ts'

const handsOff = `use_original_dst: true\nlistener_filters:\n${httpInspector}`
const unbound = 'bind_to_port: false'

const yaml = captureBootstrap([
  listener({
    name: 'outbound',
    address: '0.0.0.0',
    port: 15001,
    fields: handsOff,
    chains: onPort(15001, answer('blackhole')) + answer('catch_all'),
  }),
  listener({
    name: 'outbound6',
    address: '::',
    port: 15001,
    fields: handsOff,
    chains: onPort(15001, answer('blackhole6')) + answer('catch_all6'),
  }),
  listener({ name: 'exact', address: '10.9.0.1', port: 9070, fields: unbound }),
  listener({ name: 'wildcard', address: '0.0.0.0', port: 9080, fields: 'deprecated_v1: { bind_to_port: false }' }),
  listener({ name: 'exact_before_wildcard', address: '10.9.0.2', port: 9080, fields: unbound }),
  listener({
    name: 'own_filters',
    address: '0.0.0.0',
    port: 9090,
    fields: `${unbound}\nlistener_filters:\n${httpInspector}`,
    chains: `${answer('seen_as_http').trimEnd()}\n  filter_chain_match: { application_protocols: [ http/1.1 ] }\n${answer('not_seen')}`,
  }),
  listener({
    name: 'no_chain',
    address: '0.0.0.0',
    port: 9091,
    fields: unbound,
    chains: onSubnet('10.77.0.0', 16, answer('elsewhere')),
  }),
  listener({ name: 'exact6', address: 'fd00::1', port: 9070, fields: unbound }),
  listener({ name: 'wildcard6', address: '::', port: 9080, fields: unbound }),
  listener({ name: 'dual', address: '::', port: 9085, compat: true, fields: unbound }),
  listener({ name: 'dual_beside', address: '::', port: 9086, compat: true, fields: unbound }),
  listener({ name: 'ipv4_beside', address: '0.0.0.0', port: 9086, fields: unbound }),
  listener({ name: 'ipv4_first', address: '0.0.0.0', port: 9087, fields: unbound }),
  listener({ name: 'dual_second', address: '::', port: 9087, compat: true, fields: unbound }),
  listener({ name: 'mapped', address: '::ffff:10.9.0.6', port: 9088, compat: true, fields: unbound }),
  // Knows where connections were going, and hands none of them off.
  listener({
    name: 'keeps',
    address: '0.0.0.0',
    port: 15003,
    fields: `listener_filters:\n${originalDst}`,
    chains: onSubnet('10.9.0.3', 32, answer('by_subnet')) + answer('kept'),
  }),
  listener({ name: 'not_asked', address: '0.0.0.0', port: 9300, fields: unbound }),
])

/** Those of the proxy's own listeners that have counted anything. */
function busy(stats: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(stats).filter(([name, value]) => value > 0 && !name.startsWith('listener.admin')),
  )
}

const asked: readonly (readonly [host: string, port: number])[] = [
  ['10.9.0.1', 9070],
  ['10.9.0.2', 9070],
  ['10.9.0.1', 9080],
  ['10.9.0.2', 9080],
  ['10.9.0.1', 9090],
  ['10.9.0.1', 9091],
  ['10.9.0.9', 4444],
  ['10.9.0.1', 15001],
  ['127.0.0.1', 15001],
  ['10.9.0.3', 9300],
  ['10.9.0.4', 9300],
  ['127.0.0.1', 15003],
  ['10.9.0.1', 9085],
  ['fd00::1', 9085],
  ['10.9.0.1', 9086],
  ['fd00::1', 9086],
  ['10.9.0.1', 9087],
  ['fd00::1', 9087],
  ['10.9.0.6', 9088],
  ['fd00::1', 9070],
  ['fd00::2', 9070],
  ['fd00::1', 9080],
  ['fd00::1', 15001],
  ['::1', 15001],
]

await playWith(yaml, async (proxy) => {
  const answers: Record<string, string> = {}
  for (const [host, port] of asked) answers[`${host} ${port}`] = await ask(host, port)
  const log = await logLines(proxy, asked.length)
  const isIdle = (stats: ReadonlyMap<string, number>): boolean =>
    [...stats].every(([name, value]) => !name.endsWith('_active') || name.startsWith('listener.admin') || value === 0)
  const stats = await settledStats(proxy, '^listener\\.[a-z_]+[0-9]*\\.(downstream_[cpg]|no_filter|worker_0)', isIdle)
  const { body } = await proxy.admin('/listeners')
  return {
    answers,
    log,
    stats: busy(stats),
    listeners: body
      .replace(/admin.*\n/g, '')
      .split('\n')
      .sort(),
  }
})
