import { defineSuite } from '../define_suite.ts'
import { connectSuite } from './connect_suite.ts'

defineSuite(connectSuite)
