/** Verdicts on filters whose configuration is discovered. */
import { defineVerdicts } from './define_verdicts.ts'
import { discoveryVerdictCases } from './discovery_verdict_cases.ts'

defineVerdicts('verdicts on discovered filters', discoveryVerdictCases)
