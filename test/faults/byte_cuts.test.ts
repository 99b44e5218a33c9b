import { defineSuite } from '../parity/define_suite.ts'
import { byteCuts } from './byte_cuts_suite.ts'

defineSuite(byteCuts)
