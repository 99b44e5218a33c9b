import { defineSuite } from '../define_suite.ts'
import { handOffSuite } from './hand_off_suite.ts'

defineSuite(handOffSuite)
