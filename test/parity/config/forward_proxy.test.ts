/** Verdicts on forward proxies. */
import { defineVerdicts } from './define_verdicts.ts'
import { forwardProxyVerdictCases } from './forward_proxy_verdict_cases.ts'

defineVerdicts('verdicts on forward proxies', forwardProxyVerdictCases)
