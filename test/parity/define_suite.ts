/** Turns a parity suite into vitest tests: one test a case, both proxies driven in the same run. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProxyKind } from '../support/proxy_process.ts'
import type { DifferenceKind } from './accepted_differences.ts'
import type { Observation, ParityCase, ParitySuite } from './case.ts'
import { acceptedFor, type Difference, differences, report, unaccepted } from './compare.ts'
import { SuiteDriver } from './driver.ts'

/** A slow machine may show a difference that is only lateness: each look waits longer, before there is a complaint. */
const PATIENCE = [1, 4, 16]
/** `PARITY_STRICT=1` fails on accepted differences too, to see what they are. */
const isStrict = process.env['PARITY_STRICT'] === '1'
const KINDS: readonly DifferenceKind[] = ['gap', 'meant', 'chance']

/** `PARITY_PAIR=envoy,envoy` checks that the cases themselves are stable. */
export function proxyPair(usual = 'envoy,nuncio'): [ProxyKind, ProxyKind] {
  const pair = (process.env['PARITY_PAIR'] ?? usual).split(',')
  if (pair.length !== 2 || !pair.every(isKind)) throw new Error(`PARITY_PAIR: two of envoy, nuncio; got ${pair}`)
  return pair as [ProxyKind, ProxyKind]
}

function isKind(name: string): name is ProxyKind {
  return name === 'envoy' || name === 'nuncio'
}

/** `checkEnvoy` may compare what Envoy did with something recorded; it returns a complaint or nothing. */
export function defineSuite(
  suite: ParitySuite,
  checkEnvoy?: (one: ParityCase, seen: Observation) => string | undefined,
) {
  const pair = proxyPair()
  describe(suite.name, () => {
    let drivers: SuiteDriver[] = []
    const counts: Record<DifferenceKind | 'alike', number> = { alike: 0, meant: 0, chance: 0, gap: 0 }

    beforeAll(async () => {
      const started = await Promise.allSettled(pair.map((kind) => SuiteDriver.start(suite, kind)))
      drivers = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      for (const result of started) if (result.status === 'rejected') throw result.reason
    })

    afterAll(async () => {
      const { alike, meant, chance, gap } = counts
      console.log(`${suite.name}: ${alike} alike, accepted differences: ${meant} meant, ${chance} chance, ${gap} gaps`)
      await Promise.all(drivers.map((driver) => driver.stop()))
    })

    for (const one of suite.cases) {
      it(one.name, async () => {
        const looks: string[] = []
        for (const patience of PATIENCE) {
          const [envoy, other] = await Promise.all(drivers.map((driver) => driver.run(one, patience)))
          const found = differences(envoy, other)
          const remaining = isStrict ? found : unaccepted(one.name, found)
          const complaint = remaining.length > 0 ? report(one.name, remaining, pair) : checkEnvoy?.(one, envoy)
          if (complaint === undefined) {
            counts[kindOf(one.name, found)] += 1
            if (looks.length > 0) console.log(`looked again, and it was only lateness:\n${looks.join('\n')}`)
            return
          }
          looks.push(complaint)
        }
        expect.fail(looks.at(-1))
      })
    }
  })
}

/** The gravest kind among the differences of a case. */
function kindOf(caseName: string, found: readonly Difference[]): DifferenceKind | 'alike' {
  const kinds = found.map((difference) => acceptedFor(caseName, difference.field)?.kind)
  return KINDS.find((kind) => kinds.includes(kind)) ?? 'alike'
}
