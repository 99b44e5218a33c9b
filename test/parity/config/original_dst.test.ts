/** Verdicts on clusters of type ORIGINAL_DST. */
import { defineVerdicts } from './define_verdicts.ts'
import { originalDstVerdictCases } from './original_dst_verdict_cases.ts'

defineVerdicts('verdicts on ORIGINAL_DST', originalDstVerdictCases)
