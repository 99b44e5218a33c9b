/** Predicates of internal redirects on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { redirectPredicatesSuite } from './redirect_predicates_suite.ts'

defineSuite(redirectPredicatesSuite)
