/** Turns a script of pushes into vitest tests: one test a push, both proxies driven in the same run by control planes alike. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EchoBackend } from '../../support/echo_backend.ts'
import { discoveryProxies } from '../../support/xds/proxies.ts'
import type { ApiMode } from '../../support/xds/samples.ts'
import { differences, report, unaccepted } from '../compare.ts'
import { proxyPair } from '../define_suite.ts'
import { XdsDriver, type XdsScript } from './driver.ts'

const isStrict = process.env['PARITY_STRICT'] === '1'
const placeholderPort = 1
/** Enough to play the steps before a second time. */
const testTimeoutMs = 120_000

/**
 * Each proxy goes on from where the step before left it. A test that does not find them there (it runs alone, it is
 * tried again, or the step before failed) starts both anew and plays the steps before first.
 */
export function defineXdsScript(script: XdsScript, mode: ApiMode): void {
  const pair = proxyPair(`envoy,${discoveryProxies.at(-1)}`)
  describe(`${script.name}, ${mode}`, () => {
    let backend: EchoBackend
    let drivers: XdsDriver[] = []
    /** How many steps both have played; undefined while it is not sure. */
    let played: number | undefined

    const steps = (port: number) =>
      script.steps(mode, port).filter(({ modes }) => modes === undefined || modes.includes(mode))

    const playTo = async (position: number) => {
      await Promise.all(drivers.map((driver) => driver.stop()))
      const started = await Promise.allSettled(pair.map((kind) => XdsDriver.start(script, mode, kind, backend)))
      drivers = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      for (const result of started) if (result.status === 'rejected') throw result.reason
      for (const step of steps(backend.port).slice(0, position))
        await Promise.all(drivers.map((driver) => driver.run(step)))
    }

    beforeAll(async () => {
      backend = await EchoBackend.start()
    })

    afterAll(async () => {
      await Promise.all(drivers.map((driver) => driver.stop()))
      await backend?.stop()
    })

    for (const [position, { name }] of steps(placeholderPort).entries()) {
      it(name, { timeout: testTimeoutMs }, async () => {
        if (played !== position) await playTo(position)
        played = undefined
        const step = steps(backend.port)[position]
        const [envoy, other] = await Promise.all(drivers.map((driver) => driver.run(step)))
        const caseName = `${script.name}, ${mode}: ${name}`
        const found = differences(envoy, other)
        const remaining = isStrict ? found : unaccepted(caseName, found)
        if (remaining.length > 0) expect.fail(report(caseName, remaining, pair))
        if (step.until !== undefined)
          expect(envoy.received.split('\n'), 'requests of Envoy').toEqual(covering(step.until))
        played = position + 1
      })
    }
  })
}

/** Each of the beginnings is one of some line: what a step waits for has come. */
function covering(starts: readonly string[]): unknown {
  return expect.arrayContaining(starts.map((start) => expect.stringMatching(new RegExp(`^${literally(start)}( |$)`))))
}

function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
