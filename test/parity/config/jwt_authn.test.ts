/** Verdicts on requirements of tokens. */
import { defineVerdicts } from './define_verdicts.ts'
import { jwtAuthnVerdictCases } from './jwt_authn_verdict_cases.ts'

defineVerdicts('verdicts on requirements of tokens', jwtAuthnVerdictCases)
