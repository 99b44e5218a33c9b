// Starts the next generation with another configuration while requests come, and one that fails.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { get, once } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

const program = join(import.meta.dirname, '../../src/main.ts')
const baseId = '10000'
const flags = ['--base-id', baseId, '--drain-time-s', '1', '--parent-shutdown-time-s', '1']

function start({ folder }: ExampleProxy, yaml: string, epoch: number): ChildProcess {
  const config = join(folder, `generation_${epoch}.yaml`)
  writeFileSync(config, yaml)
  const args = ['-c', config, '--concurrency', '1', '--restart-epoch', String(epoch), ...flags]
  return spawn(process.execPath, [program, ...args], { stdio: 'ignore' })
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  const yaml = readFileSync(proxy.configPath, 'utf8')
  let requests = 0
  const answer = async (): Promise<string> => {
    const { status, body } = await get(port, '/')
    requests++
    assert.equal(status, 200)
    return body
  }
  const stat = async (name: string): Promise<number | undefined> => (await proxy.stats(`^${name}$`)).get(name)
  assert.equal(await answer(), 'version 1\n')

  const failing = start(proxy, yaml.replace('stat_prefix: http', 'stat_prefix: {}'), 1)
  await once('the one with a mistake has ended', async () => failing.exitCode ?? undefined)
  assert.equal(await answer(), 'version 1\n')
  assert.equal(await stat('server.hot_restart_epoch'), 0)

  const next = start(proxy, yaml.replace('version 1', 'version 2'), 1)
  try {
    await once('version 2 answers', async () => ((await answer()) === 'version 2\n' ? true : undefined))
    await once('version 1 has ended', async () => (proxy.stderr.includes('exiting') ? true : undefined))
    assert.equal(await answer(), 'version 2\n')
    assert.equal(await stat('server.hot_restart_epoch'), 1)
    assert.equal(await stat('http.http.downstream_rq_total'), requests)
  } finally {
    next.kill('SIGTERM')
    await once('version 2 has ended', async () => next.exitCode ?? next.signalCode ?? undefined)
  }
}

export const example: Example = { flags, isNuncioOnly: true, backends: {}, check }
