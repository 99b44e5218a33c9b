/** Verdicts on protocols and transport sockets of clusters. */
import { defineVerdicts } from './define_verdicts.ts'
import { protocolVerdictCases } from './protocol_verdict_cases.ts'
import { transportVerdictCases } from './transport_verdict_cases.ts'

defineVerdicts('verdicts on transports', [...protocolVerdictCases, ...transportVerdictCases])
