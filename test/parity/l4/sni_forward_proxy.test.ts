import { afterAll } from 'vitest'
import { defineSuite } from '../define_suite.ts'
import { sniForwardProxySuite, stopSniForwardProxySupport } from './sni_forward_proxy_suite.ts'

defineSuite(sniForwardProxySuite)
afterAll(stopSniForwardProxySupport)
