import { afterAll } from 'vitest'
import { defineSuite } from '../define_suite.ts'
import { removeCertificates, startTlsSuite } from './starttls_suite.ts'

defineSuite(startTlsSuite)
afterAll(removeCertificates)
