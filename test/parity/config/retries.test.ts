/** Verdicts on retry policies, hedging and internal redirects. */
import { defineVerdicts } from './define_verdicts.ts'
import { retryVerdictCases } from './retry_verdict_cases.ts'

defineVerdicts('verdicts on retries', retryVerdictCases)
