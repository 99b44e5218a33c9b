import { defineSuite } from '../parity/define_suite.ts'
import { downstreamFaults } from './downstream_faults_suite.ts'

defineSuite(downstreamFaults)
