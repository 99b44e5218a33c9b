import { defineSuite } from '../define_suite.ts'
import { tunnelingSuite } from './tunneling_suite.ts'

defineSuite(tunnelingSuite)
