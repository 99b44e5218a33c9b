import { afterAll } from 'vitest'
import { defineSuite } from '../define_suite.ts'
import { forwardClientCertSuite, removeCertificates } from './forward_client_cert_suite.ts'

defineSuite(forwardClientCertSuite)
afterAll(removeCertificates)
