/** Verdicts on overload managers. */
import { defineVerdicts } from './define_verdicts.ts'
import { overloadVerdictCases } from './overload_verdict_cases.ts'

defineVerdicts('verdicts on overload managers', overloadVerdictCases)
