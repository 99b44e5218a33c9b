/** Verdicts on outlier detection. */
import { defineVerdicts } from './define_verdicts.ts'
import { outlierVerdictCases } from './outlier_verdict_cases.ts'

defineVerdicts('verdicts on outlier detection', outlierVerdictCases)
