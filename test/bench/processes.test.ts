import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { plainHttp, plainTcp, routePrefix, type Setup } from '../../bench/configs/setup.ts'
import { cpuSeconds, memoryBytes, processTree } from '../../bench/cpu.ts'
import { type Backend, installedProxies, startBackend, startProxy } from '../../bench/processes.ts'

let backend: Backend
beforeAll(async () => {
  backend = await startBackend('keepalive', 128)
})
afterAll(() => backend.stop())

const setups: [string, Setup, string][] = [
  ['HTTP', plainHttp, '/'],
  ['HTTP with an access log', { ...plainHttp, accessLog: true }, '/'],
  ['the last of many routes', { ...plainHttp, routeCount: 50 }, `${routePrefix(49)}x`],
  ['TCP', plainTcp, '/'],
]

describe.each(installedProxies())('%s', (name) => {
  it.each(setups)('passes requests on: %s', async (_what, setup, path) => {
    const proxy = await startProxy(name, setup, backend.port)
    if (proxy === undefined) {
      // Only nginx may lack something: the module for TCP.
      expect([name, setup.protocol]).toEqual(['nginx', 'tcp'])
      return
    }
    try {
      const response = await fetch(`http://127.0.0.1:${proxy.ports.listen}${path}`)
      expect([response.status, (await response.text()).length]).toEqual([200, 128])
      expect(memoryBytes(proxy.pid)).toBeGreaterThan(1_000_000)
      expect(cpuSeconds(proxy.pid)).toBeGreaterThanOrEqual(0)
    } finally {
      await proxy.stop()
    }
  })
})

it('a process tree has the children of children', async () => {
  const child = spawn('sh', ['-c', 'sh -c "echo ready; cat; true"; true'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  await expect.poll(() => processTree(child.pid ?? 0).length).toBeGreaterThan(2)
  const tree = processTree(child.pid ?? 0)
  expect(processTree(process.pid)).toEqual(expect.arrayContaining(tree))
  child.stdin.end()
  await once(child, 'exit')
})

it('the command says what it knows, given what it does not', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(import.meta.dirname, '../../bench/run.ts'), ...args], { encoding: 'utf8' })
  expect(run('http9')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/no scenario 'http9'/),
  })
  expect(run('--rounds', '0')).toMatchObject({ status: 1, stderr: expect.stringContaining('--rounds needs') })
  expect(run('--proxies', 'apache')).toMatchObject({ status: 1, stderr: expect.stringContaining("no proxy 'apache'") })
})
