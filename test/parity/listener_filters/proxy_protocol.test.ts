import { defineSuite } from '../define_suite.ts'
import { proxyProtocolSuite } from './proxy_protocol_suite.ts'

defineSuite(proxyProtocolSuite)
