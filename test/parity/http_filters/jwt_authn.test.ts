/** Tokens that requests need, on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { jwtAuthnSuite } from './jwt_authn_suite.ts'

defineSuite(jwtAuthnSuite)
