import { defineSuite } from '../define_suite.ts'
import { originalSrcSuite } from './original_src_suite.ts'

defineSuite(originalSrcSuite)
