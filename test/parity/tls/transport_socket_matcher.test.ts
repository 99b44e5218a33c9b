import { defineSuite } from '../define_suite.ts'
import { transportSocketMatcherSuite } from './transport_socket_matcher_suite.ts'

defineSuite(transportSocketMatcherSuite)
