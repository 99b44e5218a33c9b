// envoy.health_checkers.grpc: what a server says of its services itself.

import { compileRequestHeaderParser } from '../../../router/header_parser.ts'
import {
  type HealthCheckerFactory,
  type HealthCheckView,
  healthCheckersCategory,
  type ProbeContext,
  type ProbeKind,
} from '../../../upstream/health_checking/health_probe.ts'
import { GrpcProbe } from './grpc_probe.ts'
import { healthRequest } from './health_messages.ts'

export const grpcHealthChecker: HealthCheckerFactory = {
  category: healthCheckersCategory,
  name: 'envoy.health_checkers.grpc',
  typeUrls: [],
  createProbeKind({ grpcHealthCheck: view }: HealthCheckView, context: ProbeContext): ProbeKind | undefined {
    if (view === undefined) return undefined
    const { cluster, server } = context
    if (cluster.http.http2 === undefined && cluster.http.protocol !== 'http2') {
      server.errors.add(view, undefined, `${cluster.name} cluster must support HTTP/2 for gRPC healthchecking`)
    }
    const changes = {
      requestHeadersToAdd: view.initialMetadata,
      requestHeadersToRemove: [],
      responseHeadersToAdd: [],
      responseHeadersToRemove: [],
    }
    const settings = {
      authority: view.authority,
      headers: compileRequestHeaderParser(changes, server.errors),
      request: healthRequest(view.serviceName),
    }
    return { type: 'GRPC', createProbe: (host, callbacks) => new GrpcProbe(host, settings, context, callbacks) }
  },
}
