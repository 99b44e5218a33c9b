/** Access logs and durations over transports that they were not written for. */
import { durationsSuite } from '../observability/durations_suite.ts'
import { observabilitySuite } from '../observability/observability_suite.ts'
import { operatorsSuite } from '../observability/operators_suite.ts'
import { defineOverTransports } from './define_matrix.ts'

defineOverTransports(durationsSuite, operatorsSuite, observabilitySuite)
