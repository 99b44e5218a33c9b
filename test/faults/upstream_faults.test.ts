import { defineSuite } from '../parity/define_suite.ts'
import { upstreamFaults } from './upstream_faults_suite.ts'

defineSuite(upstreamFaults)
