/** Listeners without sockets come, change, stop and go while connections are handed to them. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { ProxyProcess } from '../../support/proxy_process.ts'
import { ask, playWith, settledStats, until } from './app.ts'
import { answer, captureBootstrap, listener, onPort } from './listeners_yaml.ts'

interface Step {
  readonly listeners: readonly string[]
  /** Of port 9080 and of port 9081. */
  readonly answers: readonly string[]
}

const unbound = (name: string, port: number, chains: string, fields = '', address = '0.0.0.0'): string =>
  listener({ name, address, port, chains, fields: `bind_to_port: false\n${fields}` })

const steps: readonly Step[] = [
  { listeners: [unbound('a', 9080, answer('first'))], answers: ['first', 'outbound'] },
  { listeners: [unbound('a', 9080, answer('second'))], answers: ['second', 'outbound'] },
  {
    listeners: [unbound('a', 9080, answer('third'), 'metadata: { filter_metadata: { x: { y: 1 } } }')],
    answers: ['third', 'outbound'],
  },
  { listeners: [unbound('a', 9081, answer('moved'))], answers: ['outbound', 'moved'] },
  {
    listeners: [unbound('a', 9081, answer('moved')), unbound('exact', 9081, answer('exact'), '', '10.9.0.1')],
    answers: ['outbound', 'exact'],
  },
  { listeners: [unbound('a', 9081, onPort(1, answer('never')))], answers: ['outbound', 'closed'] },
  // The address is another listener's: the version before stays.
  {
    listeners: [unbound('a', 9081, answer('still')), unbound('twice', 9081, answer('twice'))],
    answers: ['outbound', 'still'],
  },
  { listeners: [], answers: ['outbound', 'outbound'] },
  {
    listeners: [
      unbound('out', 9080, answer('out'), 'traffic_direction: OUTBOUND'),
      unbound('in', 9081, answer('in'), 'traffic_direction: INBOUND'),
    ],
    answers: ['out', 'in'],
  },
]

const folder = mkdtempSync(join(tmpdir(), 'capture-'))
const file = join(folder, 'lds.yaml')
const manager =
  '^listener_manager\\.(listener_(added|modified|removed|in_place_updated|create_failure|stopped)|total_listeners_(active|warming)|lds\\.update_(success|rejected))$'

const outbound = listener({ name: 'outbound', address: '0.0.0.0', port: 15001, fields: 'use_original_dst: true' })
const yaml = captureBootstrap([outbound]).replace(
  'static_resources:',
  `node: { id: a, cluster: a }\ndynamic_resources: { lds_config: { path_config_source: { path: ${file} } } }\nstatic_resources:`,
)

function give({ listeners }: Step): void {
  const type = '- "@type": type.googleapis.com/envoy.config.listener.v3.Listener\n  '
  const items = listeners.map((each) => each.trim().replace(/^- /, type)).join('\n')
  const next = join(folder, 'next.yaml')
  writeFileSync(next, `resources:${items === '' ? ' []' : `\n${items}`}\n`.replaceAll('{{dir}}', folder))
  renameSync(next, file)
}

async function expectAnswers(answers: readonly string[]): Promise<void> {
  let got: readonly string[] = []
  await until(
    async () => {
      got = [await ask('10.9.0.1', 9080), await ask('10.9.0.1', 9081)]
      return isDeepStrictEqual(got, answers) || undefined
    },
    () => `${answers}, but ${got}`,
  )
}

/** Of the listener manager, once it has taken so many lists, for good or bad. */
function managerStats(proxy: ProxyProcess, lists: number, stopped: number): Promise<Record<string, number>> {
  return settledStats(proxy, manager, (stats) => {
    const of = (name: string): number => stats.get(`listener_manager.${name}`) ?? 0
    return of('lds.update_success') + of('lds.update_rejected') === lists && of('listener_stopped') === stopped
  })
}

async function play(proxy: ProxyProcess): Promise<unknown> {
  const seen: unknown[] = []
  for (const [index, step] of steps.entries()) {
    if (index > 0) give(step)
    const stats = await managerStats(proxy, index + 1, 0)
    await expectAnswers(step.answers)
    const { body } = await proxy.admin('/listeners')
    seen.push({
      listeners: body
        .replace(/admin.*\n/g, '')
        .split('\n')
        .sort(),
      stats,
    })
  }
  await proxy.admin('/drain_listeners?inboundonly', 'POST')
  await expectAnswers(['out', 'outbound'])
  return [...seen, await managerStats(proxy, steps.length, 1)]
}

give(steps[0])
try {
  await playWith(yaml, play)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
