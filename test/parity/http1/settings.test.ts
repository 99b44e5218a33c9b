/** HTTP/1 on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { settingsSuite } from './settings_suite.ts'

defineSuite(settingsSuite)
