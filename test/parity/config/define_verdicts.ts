/** Makes a test of each bootstrap: both proxies accept it, or both refuse it. */
import { describe, expect, it } from 'vitest'
import { acceptedFor } from '../compare.ts'
import { proxyPair } from '../define_suite.ts'
import { validate } from './validate.ts'
import type { VerdictCase } from './verdict_cases.ts'

const LAST_LINES = 12

export function defineVerdicts(name: string, cases: readonly VerdictCase[]): void {
  const [first, second] = proxyPair()

  describe(name, () => {
    for (const one of cases) {
      it(one.name, async () => {
        const [envoy, other] = await Promise.all([validate(first, one), validate(second, one)])
        if (envoy.accepted === other.accepted || acceptedFor(`config: ${one.name}`, 'admin') !== undefined) return
        const words = (accepted: boolean) => (accepted ? 'accepts' : 'refuses')
        const said = (output: string) => output.trim().split('\n').slice(-LAST_LINES).join('\n').slice(0, 1500)
        expect.fail(
          `${first} ${words(envoy.accepted)}, ${second} ${words(other.accepted)}\n${first}: ${said(envoy.output)}\n${second}: ${said(other.output)}`,
        )
      })
    }
  })
}
