/** `nuncio supervise`, with real generations of the proxy below it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { childPids } from '../faults/fault_proxy.ts'
import { liveEpoch } from '../hot_restart/generations.ts'
import { answeringListener, bootstrapYaml } from '../server/support.ts'
import { freePorts } from '../support/free_ports.ts'
import { httpRequest } from '../support/http_get.ts'
import { newConnectionsClient } from '../support/live_clients.ts'

const source = join(import.meta.dirname, '../../src')
const pollMs = { timeout: 20_000 }
const flags = ['-l', 'info', '--concurrency', '1', '--drain-time-s', '1', '--parent-shutdown-time-s', '1']
let folder: string
let port: number
let adminPort: number
let child: ChildProcess
let output: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'supervise-'))
  ;[port, adminPort] = await freePorts(2)
  const admin = `admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${adminPort} } } }\n`
  const yaml = bootstrapYaml(answeringListener('l')).replace('port_value: 0', `port_value: ${port}`)
  writeFileSync(join(folder, 'envoy.yaml'), admin + yaml)
  pointTo(join(source, 'main.ts'))
  output = ''
  const baseId = String(2_000_000 + Math.floor(Math.random() * 1_000_000))
  const command = [join(source, 'main.ts'), 'supervise', '--program', join(folder, 'program')]
  child = spawn(process.execPath, [...command, '-c', join(folder, 'envoy.yaml'), '--base-id', baseId, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  await expect.poll(epoch, pollMs).toBe(0)
})

afterEach(async () => {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  rmSync(folder, { recursive: true })
})

/** Swaps the link to the program, as an upgrade does. */
function pointTo(path: string): void {
  symlinkSync(path, join(folder, 'next'))
  renameSync(join(folder, 'next'), join(folder, 'program'))
}

function writeProgram(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const epoch = (): Promise<number | undefined> => liveEpoch(adminPort)

it('replaces the proxy when the program changes, and at SIGHUP, and no request fails', async () => {
  const client = newConnectionsClient(port)
  pointTo(writeProgram('another.mjs', `await import(${JSON.stringify(join(source, 'main.ts'))})\n`))
  await expect.poll(epoch, pollMs).toBe(1)
  await expect.poll(() => output, pollMs).toContain('epoch 0 has ended')
  child.kill('SIGHUP')
  await expect.poll(epoch, pollMs).toBe(2)
  await expect.poll(() => output, pollMs).toContain('epoch 1 has ended')
  await client.stop()
  expect(client.failures).toEqual([])
  expect(client.answered).toBeGreaterThan(0)
})

it('goes on with the one that runs while the new one fails, and tries again', async () => {
  const client = newConnectionsClient(port)
  pointTo(writeProgram('broken.mjs', 'process.exit(7)\n'))
  await expect.poll(() => output, pollMs).toContain('epoch 1 has ended with exit code 7')
  expect(await epoch()).toBe(0)
  pointTo(join(source, 'main.ts'))
  await expect.poll(epoch, pollMs).toBe(1)
  await client.stop()
  expect(client.failures).toEqual([])
})

it('ends with all of them at SIGTERM', async () => {
  child.kill('SIGHUP')
  await expect.poll(epoch, pollMs).toBe(1)
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
  await expect(httpRequest(`127.0.0.1:${port}`, '/')).rejects.toThrow()
})

it('ends when the proxy is asked to', async () => {
  const exited = once(child, 'exit')
  await httpRequest(`127.0.0.1:${adminPort}`, '/quitquitquit', 'POST')
  expect(await exited).toEqual([0, null])
})

it('takes leave of orphans', async () => {
  const starts = [
    "import { execSync } from 'node:child_process'",
    "console.log('orphan', String(execSync('sleep 60 > /dev/null 2>&1 & echo $!')))",
  ]
  pointTo(writeProgram('orphan.mjs', [...starts, 'process.exit(7)'].join('\n')))
  await expect.poll(() => output, pollMs).toMatch(/orphan \d+/)
  pointTo(join(source, 'main.ts'))
  const pid = Number(/orphan (\d+)/.exec(output)?.[1])
  await expect.poll(() => childPids(child.pid!), pollMs).toContain(pid)
  process.kill(pid)
  await expect.poll(() => childPids(child.pid!), pollMs).not.toContain(pid)
})
