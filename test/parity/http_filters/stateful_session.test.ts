/** Sessions on both proxies, and sessions of one that go on with the other. */
import { afterAll, describe, expect, it } from 'vitest'
import { EchoBackend } from '../../support/echo_backend.ts'
import { RawClient } from '../../support/raw_client.ts'
import { defineSuite, proxyPair } from '../define_suite.ts'
import { SuiteDriver } from '../driver.ts'
import { get } from '../requests.ts'
import { madeSessionsSuite } from './made_sessions_suite.ts'
import {
  cookieOf,
  type SessionPorts,
  sessionHosts,
  sessionScript,
  statefulSessionSuite,
} from './stateful_session_suite.ts'

const backends = await Promise.all(sessionHosts.map((name) => EchoBackend.start(sessionScript(name))))
const ports = Object.fromEntries(sessionHosts.map((name, index) => [name, backends[index].port])) as SessionPorts
const suite = statefulSessionSuite(ports)

afterAll(async () => {
  for (const backend of backends) await backend.stop()
})

defineSuite(suite)
defineSuite(madeSessionsSuite)

async function exchange(driver: SuiteDriver, listener: string, path: string, cookie = ''): Promise<string> {
  const client = await RawClient.connect(driver.proxy.port(listener))
  client.write(get(path, ...(cookie === '' ? [] : [`Cookie: session="${cookie}"`])))
  const received = await client.readUntil(
    (text) => text.includes('x-request-id') || text.includes('content-length: 19'),
  )
  client.close()
  return received
}

describe('sessions of one proxy at the other', () => {
  const kinds = proxyPair()
  const drivers = new Map<number, Promise<SuiteDriver>>()
  const driverOf = (index: number): Promise<SuiteDriver> => {
    const known = drivers.get(index) ?? SuiteDriver.start(suite, kinds[index])
    drivers.set(index, known)
    return known
  }

  afterAll(async () => {
    for (const driver of drivers.values()) await (await driver).stop()
  })

  it.each([
    [0, 1],
    [1, 0],
  ])('cookie of the one: %i to %i', async (from, to) => {
    const [maker, reader] = [await driverOf(from), await driverOf(to)]
    for (const listener of ['main', 'lasting']) {
      // Each time at the host that its load balancer would not choose.
      const made = cookieOf(await exchange(maker, listener, '/hosted'))
      expect(await exchange(reader, 'strict', '/main', made)).toContain('x-backend: b')
      expect(await exchange(reader, listener, '/main', made)).not.toContain('set-cookie')
    }
  })

  it('cookies that last say until when, by one clock', async () => {
    const values = await Promise.all(
      [0, 1].map(async (index) => cookieOf(await exchange(await driverOf(index), 'lasting', '/main'))),
    )
    const [one, other] = values.map((value) => Buffer.from(value, 'base64'))
    const addressLength = 2 + one[1]
    expect(other.subarray(0, addressLength)).toEqual(one.subarray(0, addressLength))
    const [first, second] = [one, other].map((bytes) => expiryOf(bytes.subarray(addressLength)))
    // Two requests, one after another.
    expect(Math.abs(first - second)).toBeLessThan(60)
  })
})

/** Field 2 as a varint. */
function expiryOf(bytes: Buffer): number {
  expect(bytes[0]).toBe(0x10)
  return [...bytes.subarray(1)].reduceRight((value, byte) => value * 0x80 + (byte & 0x7f), 0)
}
