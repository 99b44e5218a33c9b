/** Whichever process of a handover ends, and whenever it does, one serves afterwards. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectDescriptorChannel, receiveDescriptors, sendDescriptors } from '../../src/os/descriptor_passing.ts'
import { closeFd } from '../../src/os/socket.ts'
import { HandoverChild } from '../../src/server/hot_restart/child.ts'
import { handoverName } from '../../src/server/hot_restart/messages.ts'
import { childPids } from '../faults/fault_proxy.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import { httpRequest } from '../support/http_get.ts'
import { newConnectionsClient } from '../support/live_clients.ts'
import type { ProxyProcess } from '../support/proxy_process.ts'
import { exitOf, Generations } from './generations.ts'

const pollMs = { timeout: 20_000 }
const answerTimeoutMs = 10_000
let backend: EchoBackend
let generations: Generations

beforeEach(async () => {
  backend = await EchoBackend.start()
  generations = await Generations.create({
    kind: 'nuncio',
    backendPort: backend.port,
    drainSeconds: 30,
    parentShutdownSeconds: 60,
  })
})

afterEach(async () => {
  await generations.stop()
  await backend.stop()
})

async function epochOfAdmin(): Promise<number> {
  const { body } = await httpRequest(`127.0.0.1:${generations.adminPort}`, '/server_info', 'GET', answerTimeoutMs)
  return (JSON.parse(body) as { command_line_options: { restart_epoch: number } }).command_line_options.restart_epoch
}

async function status(): Promise<number> {
  return (await httpRequest(`127.0.0.1:${generations.httpPort}`, '/', 'GET', answerTimeoutMs)).status
}

/** Requests, on connections that come one after the other, and the admin interface are answered by that epoch. */
async function expectServedBy(epoch: number): Promise<void> {
  await expect.poll(() => epochOfAdmin().catch(() => 'nobody'), pollMs).toBe(epoch)
  for (let i = 0; i < 20; i++) expect(await status()).toBe(200)
}

/** The process itself, not the one that looks for its Node. */
function kill(proxy: ProxyProcess): void {
  for (const pid of childPids(proxy.pid)) process.kill(pid, 'SIGKILL')
}

async function logged(process: ProxyProcess, text: string): Promise<void> {
  await expect.poll(() => process.stderr, pollMs).toContain(text)
}

describe('the process that takes over ends', () => {
  const moments: readonly [string, (child: HandoverChild) => Promise<void>][] = [
    ['with the sockets', async () => {}],
    ['with the admin interface', (child) => child.takeAdmin()],
    [
      'when the other one has left',
      async (child) => {
        await child.takeAdmin()
        await child.onServing(60_000)
      },
    ],
  ]
  it.each(moments)('%s', async (_name, act) => {
    await generations.start(0)
    const child = await HandoverChild.open(Number(generations.baseId), 1, true)
    if (child === undefined) throw new Error('nobody is there to take over from')
    await act(child)
    child.close()
    await expectServedBy(0)
    // And another one may take over.
    await generations.start(1)
    await expectServedBy(1)
  })

  it.each([
    'initializing epoch 1',
    'admin address',
    'all clusters initialized',
    'starting workers',
    'the process before drains',
  ])('killed when it says: %s', async (text) => {
    await generations.start(0)
    const child = generations.spawn(1)
    await logged(child, text)
    kill(child)
    await exitOf(child)
    await expectServedBy(0)
  })

  it('by itself, for an error in its configuration', async () => {
    await generations.start(0)
    const wrong = generations.spawn(1, [], generations.yaml().replace('stat_prefix: tcp', 'stat_prefix: {}'))
    await exitOf(wrong)
    expect(wrong.stderr).toContain('stat_prefix')
    await expectServedBy(0)
  })

  it('by itself, for an address that another program has', async () => {
    await generations.start(0)
    const taken = `port_value: ${backend.port}`
    const wrong = generations.spawn(1, [], generations.yaml().replace(`port_value: ${generations.tcpPort}`, taken))
    await exitOf(wrong)
    expect(wrong.stderr).toContain('Address already in use')
    await expectServedBy(0)
  })
})

describe('the process before ends', () => {
  it.each([
    'initializing epoch 1',
    'admin address',
    'all clusters initialized',
    'starting workers',
    'the process before drains',
  ])('killed when the new one says: %s', async (text) => {
    const parent = await generations.start(0)
    const child = generations.spawn(1)
    await logged(child, text)
    kill(parent)
    await child.waitReady()
    await expectServedBy(1)
  })
})

it('takes over from more workers than it has: no connection is lost', async () => {
  await generations.start(0, ['--concurrency', '4'])
  const clients = Array.from({ length: 4 }, () => newConnectionsClient(generations.httpPort))
  const child = await generations.start(1, ['--concurrency', '1'])
  await logged(child, 'the process before drains')
  const before = clients.map(({ answered }) => answered)
  await expect.poll(() => clients.every(({ answered }, i) => answered > before[i] + 20), pollMs).toBe(true)
  await Promise.all(clients.map((client) => client.stop()))
  expect(clients.flatMap(({ failures }) => failures)).toEqual([])
})

it('a process of another version is refused, and changes nothing', async () => {
  await generations.start(0)
  const fd = connectDescriptorChannel(handoverName(Number(generations.baseId), 0))
  if (fd === undefined) throw new Error('nobody listens')
  try {
    sendDescriptors(fd, Buffer.from(JSON.stringify({ type: 'hello', version: 'nuncio.99.1', epoch: 1 })))
    let answer = receiveDescriptors(fd)
    await expect
      .poll(() => {
        answer ??= receiveDescriptors(fd)
        return answer
      }, pollMs)
      .toBeDefined()
    expect(answer).not.toBe('closed')
    expect(JSON.parse(String((answer as { data: Buffer }).data))).toEqual({
      type: 'refused',
      reason: expect.stringMatching(/^its hot restart version is .*, that of this one is nuncio\.99\.1$/),
    })
  } finally {
    closeFd(fd)
  }
  await expectServedBy(0)
})

it('only one may take over', async () => {
  await generations.start(0)
  const first = await HandoverChild.open(Number(generations.baseId), 1, false)
  await expect(HandoverChild.open(Number(generations.baseId), 1, false)).rejects.toThrow(
    'another process takes over from it',
  )
  first?.close()
})
