/** TCP proxying and listeners on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { addressesSuite, globalLimitSuite } from './addresses_suite.ts'
import { endingsSuite } from './endings_suite.ts'
import { l4Suite } from './l4_suite.ts'

defineSuite(l4Suite)
defineSuite(endingsSuite)
defineSuite(addressesSuite)
defineSuite(globalLimitSuite)
