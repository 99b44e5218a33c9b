/** Verdicts on stateful sessions. */
import { defineVerdicts } from './define_verdicts.ts'
import { sessionVerdictCases } from './session_verdict_cases.ts'

defineVerdicts('verdicts on stateful sessions', sessionVerdictCases)
