import { defineSuite } from '../define_suite.ts'
import { matcherSuite } from './matcher_suite.ts'

defineSuite(matcherSuite)
