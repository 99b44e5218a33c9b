import { afterAll } from 'vitest'
import { defineSuite } from '../define_suite.ts'
import { downstreamSuite, removeCertificates } from './downstream_suite.ts'

defineSuite(downstreamSuite)
afterAll(removeCertificates)
