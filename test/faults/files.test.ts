/** Files that cannot be read, written or bound: a clear word and a proxy that goes on, or none that half works. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bootstrap, httpListener } from '../parity/yaml.ts'
import type { ProxyProcess } from '../support/proxy_process.ts'
import { RawClient } from '../support/raw_client.ts'
import { childPids, residentBytes, startFaultProxy, until } from './fault_proxy.ts'

const program = join(import.meta.dirname, '../../src/main.ts')
const answering = `
- name: all
  domains: ["*"]
  routes: [ { match: { prefix: / }, direct_response: { status: 200, body: { inline_string: answered } } } ]
`
const yaml = bootstrap([httpListener({ name: 'main', virtualHosts: answering })], [])

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faults-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the command to its end, as an ordinary user where this one may read everything. */
async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  const ordinary = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const child = spawn(process.execPath, [program, ...args, '--disable-hot-restart'], { ...ordinary, timeout: 20_000 })
  let output = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (output += data.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

describe('a configuration that is not there', () => {
  test.each<[string, (path: string) => void, RegExp]>([
    ['missing', () => {}, /unable to read file: .*no such file or directory/i],
    ['not readable', (path) => writePrivate(path), /unable to read file: .*permission denied/i],
    ['a folder', (path) => mkdirSync(path), /unable to read file: .*directory/i],
    ['a link to nowhere', (path) => symlinkSync(`${path}.gone`, path), /unable to read file: .*no such file/i],
    ['empty', (path) => writeFileSync(path, ''), /config\.yaml:1:1: error: .*the document is empty/],
    ['half a line', (path) => writeFileSync(path, 'static_resources: {'), /config\.yaml:1:\d+/],
    ['no text', (path) => writeFileSync(path, Buffer.from([0, 1, 2, 0xff])), /config\.yaml/],
    ['cut', (path) => writeFileSync(path, yaml.slice(0, yaml.length / 2)), /config\.yaml:\d+:\d+/],
  ])('%s', async (_, make, message) => {
    chmodSync(folder, 0o755)
    const path = join(folder, 'config.yaml')
    make(path)
    const { code, output } = await run('-c', path)
    expect(output).toMatch(message)
    expect(output).not.toMatch(/^ {4}at /m)
    expect(code).toBe(1)
  })
})

function writePrivate(path: string): void {
  writeFileSync(path, yaml)
  chmodSync(path, 0o000)
}

describe('an address in use', () => {
  test.each(['listener', 'admin'])('of the %s', async (which) => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as { port: number }
    const parts = yaml.split('port_value: 0')
    const busy =
      which === 'admin' ? parts.join('port_value: 0').replace('port_value: 0', `port_value: ${port}`) : undefined
    const path = join(folder, 'config.yaml')
    chmodSync(folder, 0o777)
    const text = busy ?? `${parts.slice(0, -1).join('port_value: 0')}port_value: ${port}${parts.at(-1)}`
    writeFileSync(path, text.replaceAll('{{dir}}', folder))
    const { code, output } = await run('-c', path, '--concurrency', '1')
    expect(output).toContain(`127.0.0.1:${port}`)
    expect(output).toContain('Address already in use')
    expect(output).not.toMatch(/^ {4}at /m)
    expect(code).toBe(1)
    holder.close()
  })
})

describe('a full disk', () => {
  let proxy: ProxyProcess
  afterEach(() => proxy.stop())

  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

  async function serve(count: number): Promise<void> {
    const client = await RawClient.connect(proxy.port('main'))
    for (let i = 1; i <= count; i++) {
      client.write(request)
      await client.waitFor(() => client.text.endsWith('answered') && client.text.split('answered').length === i + 1)
    }
    client.close()
  }

  test('of the access log: requests are served, the failures counted, the log goes on when there is room', async () => {
    // The device on which every write fails for want of space; then a file takes its place.
    const path = join(folder, 'access.log')
    symlinkSync('/dev/full', path)
    proxy = await startFaultProxy(yaml.replaceAll('{{dir}}/access.log', path), {
      flags: ['--concurrency', '1', '--file-flush-interval-msec', '10'],
    })
    await serve(20)
    await until(
      'failures are counted',
      async () => ((await proxy.stats('write_failed')).get('filesystem.write_failed') ?? 0) > 1,
    )
    rmSync(path)
    await proxy.admin('/reopen_logs', 'POST')
    await serve(1)
    await until('all lines are in the log', () => readLines(path) === 21)
  })

  test('of the access log: what waits is bounded', async () => {
    const path = join(folder, 'access.log')
    symlinkSync('/dev/full', path)
    const large = httpListener({ name: 'main', virtualHosts: answering, logFormat: `%REQ(X-BIG)%` })
    proxy = await startFaultProxy(bootstrap([large], []).replaceAll('{{dir}}/access.log', path))
    const client = await RawClient.connect(proxy.port('main'))
    const big = `GET / HTTP/1.1\r\nHost: a\r\nX-Big: ${'x'.repeat(30_000)}\r\n\r\n`
    const [worker] = childPids(proxy.pid)
    for (let i = 1; i <= 2000; i++) {
      client.write(big)
      if (i % 50 === 0)
        await client.waitFor(() => client.receivedBytes >= i * 100 && client.text.split('answered').length > i)
    }
    expect(residentBytes(worker)).toBeLessThan(260 * 2 ** 20)
    client.close()
  }, 60_000)

  test('of the application log: the proxy goes on', async () => {
    proxy = await startFaultProxy(yaml, { flags: ['--concurrency', '1', '--log-path', '/dev/full'] })
    await serve(5)
    expect((await proxy.admin('/ready')).status).toBe(200)
  })
})

test('a closed standard output and error stop nothing', async () => {
  const proxy = await startFaultProxy(yaml.replaceAll('{{dir}}/access.log', '/dev/stdout'), {
    flags: ['--concurrency', '1', '--file-flush-interval-msec', '10', '-l', 'debug'],
  })
  proxy.child.stdout?.destroy()
  proxy.child.stderr?.destroy()
  const client = await RawClient.connect(proxy.port('main'))
  for (let i = 1; i <= 20; i++) {
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.readUntil((text) => text.split('answered').length === i + 1)
  }
  await until(
    'the failure is counted',
    async () => ((await proxy.stats('write_failed')).get('filesystem.write_failed') ?? 0) > 0,
  )
  expect(proxy.exited).toBe(false)
  client.close()
  await proxy.stop()
  expect(proxy.child.exitCode).toBe(0)
})

test('an access log that cannot be opened is refused', async () => {
  const path = join(folder, 'config.yaml')
  writeFileSync(path, yaml.replaceAll('{{dir}}', join(folder, 'none')))
  chmodSync(folder, 0o755)
  const { code, output } = await run('-c', path, '--concurrency', '1')
  expect(output).toContain(`unable to open file '${join(folder, 'none', 'access.log')}': no such file or directory`)
  expect(code).toBe(1)
})

function readLines(path: string): number {
  try {
    return readFileSync(path, 'utf8').split('\n').length - 1
  } catch {
    return 0
  }
}
