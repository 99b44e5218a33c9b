/** Rewrites, redirects and header changes on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { changesSuite } from './changes_suite.ts'

defineSuite(changesSuite)
