/** Faults and rate limits over transports that they were not written for. */
import { faultSuite } from '../http_filters/fault_suite.ts'
import { localRateLimitSuite } from '../http_filters/local_ratelimit_suite.ts'
import { defineOverTransports } from './define_matrix.ts'

defineOverTransports(faultSuite, localRateLimitSuite)
