/** Both proxies accept and refuse the same bootstraps; those of one area each stand in the files beside this one. */
import { expect, it } from 'vitest'
import { proxyPair } from '../define_suite.ts'
import { defineVerdicts } from './define_verdicts.ts'
import { validate } from './validate.ts'
import { verdictCases } from './verdict_cases.ts'

defineVerdicts('config verdicts', verdictCases)

it('both verdicts occur', async () => {
  const [first] = proxyPair()
  const [accepted, refused] = [await validate(first, verdictCases[0]), await validate(first, verdictCases[1])]
  expect([accepted.accepted, refused.accepted]).toEqual([true, false])
})
