// envoy.health_checkers.tcp: a connection, and what is said on it.

import {
  type HealthCheckerFactory,
  type HealthCheckView,
  healthCheckersCategory,
  type ProbeContext,
  type ProbeKind,
} from '../../../upstream/health_checking/health_probe.ts'
import { payloadBytes } from '../../../upstream/health_checking/payload.ts'
import { TcpProbe } from './tcp_probe.ts'

export const tcpHealthChecker: HealthCheckerFactory = {
  category: healthCheckersCategory,
  name: 'envoy.health_checkers.tcp',
  typeUrls: [],
  createProbeKind({ tcpHealthCheck: view }: HealthCheckView, context: ProbeContext): ProbeKind | undefined {
    if (view === undefined) return undefined
    const { errors } = context.server
    if (view.send?.binary !== undefined) errors.warn(view, 'send', 'binary has no effect here: Envoy sends text only')
    const settings = {
      send: view.send?.text === undefined ? [] : payloadBytes([view.send], errors),
      receive: payloadBytes(view.receive, errors),
      proxyProtocol: view.proxyProtocolConfig?.version,
    }
    return { type: 'TCP', createProbe: (host, callbacks) => new TcpProbe(host, settings, context, callbacks) }
  },
}
