/** The admin interface on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { adminSuite } from './admin_suite.ts'

defineSuite(adminSuite)
