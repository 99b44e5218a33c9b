/** Verdicts on mirror policies. */
import { defineVerdicts } from './define_verdicts.ts'
import { mirroringVerdictCases } from './mirroring_verdict_cases.ts'

defineVerdicts('verdicts on mirror policies', mirroringVerdictCases)
