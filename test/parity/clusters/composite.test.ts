import { defineSuite } from '../define_suite.ts'
import { compositeSuite } from './composite_suite.ts'

defineSuite(compositeSuite)
