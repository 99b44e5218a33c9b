/** The admin interface on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { adminSuite, hostStatesSuite } from './admin_suite.ts'

defineSuite(adminSuite)
defineSuite(hostStatesSuite)
