/** Verdicts on health checks and on the filter that answers them. */
import { defineVerdicts } from './define_verdicts.ts'
import { healthCheckVerdictCases } from './health_check_verdict_cases.ts'

defineVerdicts('verdicts on health checks', healthCheckVerdictCases)
