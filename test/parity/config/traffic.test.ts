/** Verdicts on faults and rate limits. */
import { defineVerdicts } from './define_verdicts.ts'
import { trafficVerdictCases } from './traffic_verdict_cases.ts'

defineVerdicts('verdicts on faults and rate limits', trafficVerdictCases)
