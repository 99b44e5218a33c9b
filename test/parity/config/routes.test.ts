/** Verdicts on route configurations. */
import { defineVerdicts } from './define_verdicts.ts'
import { routeVerdictCases } from './route_verdict_cases.ts'

defineVerdicts('verdicts on routes', routeVerdictCases)
