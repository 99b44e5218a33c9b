import { defineSuite } from '../define_suite.ts'
import { originalDstSuite } from './original_dst_suite.ts'

defineSuite(originalDstSuite)
