/** What both proxies tell access log services. */
import { afterAll } from 'vitest'
import { defineSuite } from '../define_suite.ts'
import { grpcAccessLogSuite, removeCertificates } from './grpc_access_log_suite.ts'

afterAll(removeCertificates)

defineSuite(grpcAccessLogSuite, ({ name, logLines }, { accessLog }) =>
  logLines !== 0 && accessLog.length === 0 ? `${name}: the service got nothing from Envoy` : undefined,
)
