/** Load shed points on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { overloadPointsSuite } from './points_suite.ts'

defineSuite(overloadPointsSuite)
