/** Verdicts on rate limits that a service keeps. */
import { defineVerdicts } from './define_verdicts.ts'
import { rateLimitVerdictCases } from './rate_limit_verdict_cases.ts'

defineVerdicts('verdicts on global rate limits', rateLimitVerdictCases)
