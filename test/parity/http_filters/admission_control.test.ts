/** Admission control on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { admissionControlSuite } from './admission_control_suite.ts'

defineSuite(admissionControlSuite)
