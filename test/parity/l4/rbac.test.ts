/** Role-based access control of connections on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { networkRbacSuite } from './rbac_suite.ts'

defineSuite(networkRbacSuite)
