import { afterAll } from 'vitest'
import { defineSuite } from '../define_suite.ts'
import { removeCertificates, upstreamSuite } from './upstream_suite.ts'

defineSuite(upstreamSuite)
afterAll(removeCertificates)
