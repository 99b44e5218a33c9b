import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import { get as getByTls } from 'node:https'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { plainHttp, plainTcp, routePrefix, type Setup } from '../../bench/configs/setup.ts'
import { cpuSeconds, memoryBytes, processTree } from '../../bench/cpu.ts'
import { type Backend, installedProxies, startBackend, startProxy } from '../../bench/processes.ts'

let http1: Backend
let http2: Backend
beforeAll(async () => {
  http1 = await startBackend('keepalive', 128)
  http2 = await startBackend('get', 128)
})
afterAll(() => Promise.all([http1.stop(), http2.stop()]))

const setups: [string, Setup, string][] = [
  ['HTTP', plainHttp, '/'],
  ['HTTP with an access log', { ...plainHttp, accessLog: true }, '/'],
  ['the last of many routes', { ...plainHttp, routeCount: 50 }, `${routePrefix(49)}x`],
  ['TCP', plainTcp, '/'],
  ['TLS', { ...plainHttp, tls: 'resumable' }, '/'],
  ['TLS without resumption', { ...plainHttp, tls: 'notResumable' }, '/'],
  ['HTTP/2', { ...plainHttp, downstream: 'http2' }, '/'],
  ['HTTP/2 both ways', { ...plainHttp, downstream: 'http2', upstream: 'http2' }, '/'],
]

/** Status and length of the body. */
function ask({ downstream, tls }: Setup, port: number, path: string): Promise<[number, number]> {
  return new Promise((resolve, reject) => {
    const collect = (status: number, body: Readable): void => {
      let length = 0
      body.on('data', (chunk: Buffer) => {
        length += chunk.length
      })
      body.on('end', () => resolve([status, length]))
    }
    if (downstream === 'http2') {
      const session = connect(`http://127.0.0.1:${port}`)
      const stream = session
        .on('error', reject)
        .request({ ':path': path })
        .on('close', () => session.close())
      stream.on('response', (headers) => collect(Number(headers[':status']), stream))
      return
    }
    const options = { host: '127.0.0.1', port, path, agent: false, rejectUnauthorized: false }
    const onResponse = (response: IncomingMessage) => collect(response.statusCode ?? 0, response)
    if (tls === 'none') get(options, onResponse).on('error', reject)
    else getByTls(options, onResponse).on('error', reject)
  })
}

describe.each(installedProxies())('%s', (name) => {
  it.each(setups)('passes requests on: %s', async (_what, setup, path) => {
    const proxy = await startProxy(name, setup, (setup.upstream === 'http2' ? http2 : http1).port)
    if (proxy === undefined) {
      // Only nginx may lack something: the module for TCP.
      expect([name, setup.protocol]).toEqual(['nginx', 'tcp'])
      return
    }
    try {
      expect(await ask(setup, proxy.ports.listen, path)).toEqual([200, 128])
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
