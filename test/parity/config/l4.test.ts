/** Verdicts on TCP proxying, listener filters and CONNECT. */
import { defineVerdicts } from './define_verdicts.ts'
import { l4VerdictCases } from './l4_verdict_cases.ts'

defineVerdicts('verdicts on l4', l4VerdictCases)
