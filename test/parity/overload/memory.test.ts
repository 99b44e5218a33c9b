/** The memory of streams on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { overloadMemorySuite } from './memory_suite.ts'

defineSuite(overloadMemorySuite)
