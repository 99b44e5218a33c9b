import { defineSuite } from '../define_suite.ts'
import { httpInspectorSuite } from './http_inspector_suite.ts'

defineSuite(httpInspectorSuite)
