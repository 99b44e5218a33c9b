/** The launcher of a checkout works on any Node from 20 on, starts the pinned one, and ends as that ends. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const runner = join(import.meta.dirname, '../../bin/run.mjs')
const script = (name: string) => join(import.meta.dirname, 'scripts', name)

function runScript(name: string) {
  return spawnSync(process.execPath, [runner, script(name), 'a', 'b c'], { encoding: 'utf8', timeout: 20_000 })
}

it('passes arguments on and runs TypeScript', () => {
  expect(runScript('print_arguments.ts').stdout).toBe('["a","b c"]\n')
})

it('gives the exit code back', () => {
  expect(runScript('exit_with_7.ts').status).toBe(7)
})

it('ends by the signal that ended the program', () => {
  expect(runScript('end_by_signal.ts').signal).toBe('SIGKILL')
})

it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const)('passes %s on', async (signal) => {
  const child = spawn(process.execPath, [runner, script('wait_for_signal.ts')], { stdio: ['ignore', 'pipe', 'ignore'] })
  const exit = once(child, 'close')
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    if (said === 'waiting\n') child.kill(signal)
  })
  expect(await exit).toEqual([0, null])
  expect(said).toBe(`waiting\n${signal}\n`)
})
