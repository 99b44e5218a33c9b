/** HTTP filters that hold traffic back or say where it goes, over transports that they were not written for. */
import { adaptiveConcurrencySuite } from '../http_filters/adaptive_concurrency_suite.ts'
import { admissionControlSuite } from '../http_filters/admission_control_suite.ts'
import { bandwidthLimitSuite } from '../http_filters/bandwidth_limit_suite.ts'
import { faultSuite } from '../http_filters/fault_suite.ts'
import { localRateLimitSuite } from '../http_filters/local_ratelimit_suite.ts'
import { madeSessionsSuite } from '../http_filters/made_sessions_suite.ts'
import { rateLimitSuite } from '../http_filters/ratelimit_suite.ts'
import { defineOverTransports } from './define_matrix.ts'

defineOverTransports(
  adaptiveConcurrencySuite,
  admissionControlSuite,
  bandwidthLimitSuite,
  faultSuite,
  localRateLimitSuite,
  madeSessionsSuite,
  rateLimitSuite,
)
