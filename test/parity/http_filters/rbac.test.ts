/** Role-based access control of requests on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { rbacSuite } from './rbac_suite.ts'

defineSuite(rbacSuite)
