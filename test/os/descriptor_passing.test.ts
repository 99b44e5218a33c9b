import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createDescriptorChannel, receiveDescriptors, sendDescriptors } from '../../src/os/descriptor_passing.ts'
import { watchReadable } from '../../src/os/readiness.ts'
import { closeFd, createListenSocket } from '../../src/os/socket.ts'

const FD_CLOEXEC_FLAG = 0o2000000

test('a listening socket handed to another process accepts there, and its queue is kept', async () => {
  const { fd, localAddress } = createListenSocket({ family: 'ipv4', address: '127.0.0.1', port: 0 })
  if (localAddress.family === 'pipe') throw new Error('not an IP address')
  // Connected before anyone accepts: the connection waits in the socket's queue.
  const client = net.connect(localAddress.port, '127.0.0.1')
  await once(client, 'connect')
  const [ours, theirs] = createDescriptorChannel()
  const child = spawn(process.execPath, [join(import.meta.dirname, 'accepting_child.ts')], {
    stdio: ['ignore', 'inherit', 'inherit', theirs],
  })
  closeFd(theirs)
  expect(sendDescriptors(ours, Buffer.from('listen'), [fd])).toBe(true)
  closeFd(fd)
  let text = ''
  for await (const chunk of client) text += chunk
  expect(text).toBe(`served by ${child.pid}`)
  closeFd(ours)
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('several descriptors of one message arrive in order, close-on-exec, and outlive the sent ones', () => {
  const folder = mkdtempSync(join(tmpdir(), 'descriptors-'))
  const paths = ['a', 'b', 'c'].map((name) => join(folder, name))
  for (const path of paths) writeFileSync(path, path)
  const [left, right] = createDescriptorChannel()
  const sent = paths.map((path) => openSync(path, 'r'))
  sendDescriptors(left, Buffer.from('three'), sent)
  for (const fd of sent) closeSync(fd)
  const message = receiveDescriptors(right)
  if (message === undefined || message === 'closed') throw new Error('no message')
  expect(message.data.toString()).toBe('three')
  expect(message.descriptors.map((fd) => readFileSync(fd, 'utf8'))).toEqual(paths)
  for (const fd of message.descriptors) {
    const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0'
    expect(Number.parseInt(flags, 8) & FD_CLOEXEC_FLAG).toBe(FD_CLOEXEC_FLAG)
    closeSync(fd)
  }
  closeFd(left)
  closeFd(right)
})

test('an empty channel gives nothing, a closed one says so', () => {
  const [left, right] = createDescriptorChannel()
  expect(receiveDescriptors(right)).toBeUndefined()
  sendDescriptors(left, Buffer.from('last'))
  closeFd(left)
  expect(receiveDescriptors(right)).toEqual({ data: Buffer.from('last'), descriptors: [] })
  expect(receiveDescriptors(right)).toBe('closed')
  expect(() => sendDescriptors(right, Buffer.from('x'))).toThrow(expect.objectContaining({ code: 'EPIPE' }))
  closeFd(right)
})

test('a full channel is told by false and takes messages again once it is emptied', () => {
  const [left, right] = createDescriptorChannel()
  const data = Buffer.alloc(16_384, 1)
  let sent = 0
  while (sendDescriptors(left, data)) sent++
  expect(sent).toBeGreaterThan(0)
  let received = 0
  for (let message = receiveDescriptors(right); message !== undefined; message = receiveDescriptors(right)) {
    if (message !== 'closed' && message.data.equals(data)) received++
  }
  expect(received).toBe(sent)
  expect(receiveDescriptors(right)).toBeUndefined()
  expect(sendDescriptors(left, data)).toBe(true)
  closeFd(left)
  closeFd(right)
})

test('a message longer than the limit is refused and its descriptors are closed', () => {
  const [left, right] = createDescriptorChannel()
  sendDescriptors(left, Buffer.alloc(100), [left])
  const next = openSync('/dev/null', 'r')
  closeSync(next)
  expect(() => receiveDescriptors(right, 10)).toThrow(expect.objectContaining({ code: 'EMSGSIZE' }))
  expect(() => fstatSync(next)).toThrow(expect.objectContaining({ code: 'EBADF' }))
  closeFd(left)
  closeFd(right)
})

test('an empty message and too many descriptors are refused', () => {
  const [left, right] = createDescriptorChannel()
  expect(() => sendDescriptors(left, new Uint8Array(0))).toThrow(RangeError)
  expect(() => sendDescriptors(left, Buffer.from('x'), new Array(254).fill(left))).toThrow(
    '254 descriptors exceed the limit of 253 a message',
  )
  closeFd(left)
  closeFd(right)
})

test('a watch reports a message, and ends when closed', async () => {
  const [left, right] = createDescriptorChannel()
  const message = new Promise<unknown>((resolve) => {
    const watch = watchReadable(right, () => {
      watch.close()
      resolve(receiveDescriptors(right))
    })
  })
  sendDescriptors(left, Buffer.from('ping'))
  expect(await message).toEqual({ data: Buffer.from('ping'), descriptors: [] })
  closeFd(left)
  closeFd(right)
})
