/** Injected faults on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { faultSuite } from './fault_suite.ts'

defineSuite(faultSuite)
