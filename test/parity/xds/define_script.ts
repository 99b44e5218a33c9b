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

/** A push that differs fails, and so may those after it: each proxy goes on from where it is. */
export function defineXdsScript(script: XdsScript, mode: ApiMode): void {
  const pair = proxyPair(`envoy,${discoveryProxies.at(-1)}`)
  describe(`${script.name}, ${mode}`, () => {
    let backend: EchoBackend
    let drivers: XdsDriver[] = []

    beforeAll(async () => {
      backend = await EchoBackend.start()
      const started = await Promise.allSettled(pair.map((kind) => XdsDriver.start(script, mode, kind, backend)))
      drivers = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      for (const result of started) if (result.status === 'rejected') throw result.reason
    })

    afterAll(async () => {
      await Promise.all(drivers.map((driver) => driver.stop()))
      await backend?.stop()
    })

    const isOfMode = ({ modes }: { readonly modes?: readonly ApiMode[] }) => modes?.includes(mode) ?? true
    for (const { name } of script.steps(mode, placeholderPort).filter(isOfMode)) {
      it(name, async () => {
        const step = script.steps(mode, backend.port).find((one) => one.name === name && isOfMode(one))!
        const [envoy, other] = await Promise.all(drivers.map((driver) => driver.run(step)))
        const caseName = `${script.name}, ${mode}: ${name}`
        const found = differences(envoy, other)
        const remaining = isStrict ? found : unaccepted(caseName, found)
        if (remaining.length > 0) expect.fail(report(caseName, remaining, pair))
        if (step.until !== undefined)
          expect(envoy.received.split('\n'), 'requests of Envoy').toEqual(covering(step.until))
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
