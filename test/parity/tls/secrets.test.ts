import { afterAll } from 'vitest'
import { defineSuite } from '../define_suite.ts'
import { removeCertificates, secretsSuite } from './secrets_suite.ts'

defineSuite(secretsSuite)
afterAll(removeCertificates)
