/** Clusters that leave the protocol to ALPN, on both proxies. */
import { afterAll } from 'vitest'
import { defineSuite } from '../define_suite.ts'
import { autoSuite, removeCertificates } from './auto_suite.ts'

defineSuite(autoSuite)
afterAll(removeCertificates)
