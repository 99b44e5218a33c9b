/** Both proxies accept and refuse the same bootstraps. */
import { describe, expect, it } from 'vitest'
import { acceptedFor } from '../compare.ts'
import { proxyPair } from '../define_suite.ts'
import { filterVerdictCases } from './filter_verdict_cases.ts'
import { protocolVerdictCases } from './protocol_verdict_cases.ts'
import { routeVerdictCases } from './route_verdict_cases.ts'
import { transcoderVerdictCases } from './transcoder_verdict_cases.ts'
import { transportVerdictCases } from './transport_verdict_cases.ts'
import { validate } from './validate.ts'
import { verdictCases } from './verdict_cases.ts'

const LAST_LINES = 12

describe('config verdicts', () => {
  const [first, second] = proxyPair()

  const cases = [
    ...verdictCases,
    ...routeVerdictCases,
    ...filterVerdictCases,
    ...transcoderVerdictCases,
    ...protocolVerdictCases,
    ...transportVerdictCases,
  ]
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

  it('has both verdicts among its cases', async () => {
    const accepted = await validate(first, verdictCases[0])
    const refused = await validate(first, verdictCases[1])
    expect([accepted.accepted, refused.accepted]).toEqual([true, false])
  })
})
