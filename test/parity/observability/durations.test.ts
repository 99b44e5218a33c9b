/** Durations of access logs on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { durationsSuite } from './durations_suite.ts'

defineSuite(durationsSuite)
