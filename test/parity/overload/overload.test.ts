/** Overload on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { overloadSuite } from './overload_suite.ts'

defineSuite(overloadSuite)
