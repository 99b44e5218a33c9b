/** Access log operators on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { operatorsSuite } from './operators_suite.ts'

defineSuite(operatorsSuite)
