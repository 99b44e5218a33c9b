/** TCP proxying and listeners on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { l4Suite } from './l4_suite.ts'

defineSuite(l4Suite)
