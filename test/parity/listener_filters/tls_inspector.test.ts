import { defineSuite } from '../define_suite.ts'
import { tlsInspectorSuite } from './tls_inspector_suite.ts'

defineSuite(tlsInspectorSuite)
