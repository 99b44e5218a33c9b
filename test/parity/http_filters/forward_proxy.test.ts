import { afterAll } from 'vitest'
import { defineSuite } from '../define_suite.ts'
import { forwardProxySuite, stopForwardProxySupport } from './forward_proxy_suite.ts'

defineSuite(forwardProxySuite)
afterAll(stopForwardProxySupport)
