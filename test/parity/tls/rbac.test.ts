/** Role-based access control by certificates and server names on both proxies. */
import { afterAll } from 'vitest'
import { defineSuite } from '../define_suite.ts'
import { removeCertificates, tlsRbacSuite } from './rbac_suite.ts'

defineSuite(tlsRbacSuite)
afterAll(removeCertificates)
