/** Verdicts on HTTP filters. */
import { defineVerdicts } from './define_verdicts.ts'
import { filterVerdictCases } from './filter_verdict_cases.ts'
import { transcoderVerdictCases } from './transcoder_verdict_cases.ts'

defineVerdicts('verdicts on HTTP filters', [...filterVerdictCases, ...transcoderVerdictCases])
