import { defineSuite } from '../define_suite.ts'
import { tlvsSuite } from './tlvs_suite.ts'

defineSuite(tlvsSuite)
