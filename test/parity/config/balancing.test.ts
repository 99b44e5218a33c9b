/** Verdicts on load balancing policies. */
import { balancingVerdictCases } from './balancing_verdict_cases.ts'
import { defineVerdicts } from './define_verdicts.ts'

defineVerdicts('verdicts on load balancing', balancingVerdictCases)
