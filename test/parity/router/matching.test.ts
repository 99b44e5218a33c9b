/** Route matching on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { matchingSuite } from './matching_suite.ts'

defineSuite(matchingSuite)
