/** Verdicts on role-based access control. */
import { defineVerdicts } from './define_verdicts.ts'
import { rbacVerdictCases } from './rbac_verdict_cases.ts'

defineVerdicts('verdicts on role-based access control', rbacVerdictCases)
