import { afterAll } from 'vitest'
import { defineSuite } from '../define_suite.ts'
import { clientCertificatesSuite, removeCertificates } from './client_certificates_suite.ts'

defineSuite(clientCertificatesSuite)
afterAll(removeCertificates)
