/** Reduced timeouts on both proxies. */
import { afterAll } from 'vitest'
import { defineSuite } from '../define_suite.ts'
import { overloadTimersSuite, removeCertificates } from './timers_suite.ts'

afterAll(removeCertificates)

defineSuite(overloadTimersSuite)
