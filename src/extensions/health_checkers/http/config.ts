// envoy.health_checkers.http: a request whose answer has an expected status, and perhaps more.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import { compileStringMatcher, matcherErrorMessage, type StringPredicate } from '../../../common/string_matcher.ts'
import type { ConfigErrors } from '../../../config/errors.ts'
import { compileRequestHeaderParser } from '../../../router/header_parser.ts'
import {
  type HealthCheckerFactory,
  type HealthCheckView,
  healthCheckersCategory,
  type ProbeContext,
  type ProbeKind,
} from '../../../upstream/health_checking/health_probe.ts'
import { payloadBytes } from '../../../upstream/health_checking/payload.ts'
import { HttpProbe, type HttpProbeSettings } from './http_probe.ts'
import { statusRanges } from './status_ranges.ts'

type HttpHealthCheck = envoy.config.core.v3.HealthCheck.HttpHealthCheck

const defaultResponseBufferBytes = 1024
const bodiless = new Set(['GET', 'HEAD', 'DELETE', 'TRACE'])

export const httpHealthChecker: HealthCheckerFactory = {
  category: healthCheckersCategory,
  name: 'envoy.health_checkers.http',
  typeUrls: [],
  createProbeKind({ httpHealthCheck: view }: HealthCheckView, context: ProbeContext): ProbeKind | undefined {
    if (view === undefined) return undefined
    const settings = probeSettings(view, context.server.errors)
    return { type: 'HTTP', createProbe: (host, callbacks) => new HttpProbe(host, settings, context, callbacks) }
  },
}

function probeSettings(view: HttpHealthCheck, errors: ConfigErrors): HttpProbeSettings {
  const method = view.method === 'METHOD_UNSPECIFIED' ? 'GET' : view.method
  if (view.send !== undefined && bodiless.has(method)) {
    const message = `HTTP health check cannot specify a request payload with method '${method}'`
    errors.add(view, 'send', message, { expected: 'a method of POST, PUT, PATCH or OPTIONS' })
  }
  if (view.codecClientType === 'HTTP3') {
    errors.add(view, 'codecClientType', 'checks over HTTP/3 are not supported', { expected: 'HTTP1 or HTTP2' })
  }
  return {
    protocol: view.codecClientType === 'HTTP2' ? 'http2' : 'http1',
    method,
    path: view.path,
    host: view.host,
    body: Buffer.concat(view.send === undefined ? [] : payloadBytes([view.send], errors)),
    headers: compileRequestHeaderParser({ ...view, responseHeadersToAdd: [], responseHeadersToRemove: [] }, errors),
    statuses: statusRanges(view, errors),
    ...responseSettings(view, errors),
    serviceName: serviceName(view.serviceNameMatcher, errors),
  }
}

function responseSettings(
  view: HttpHealthCheck,
  errors: ConfigErrors,
): Pick<HttpProbeSettings, 'receive' | 'responseBufferBytes'> {
  const receive = payloadBytes(view.receive, errors)
  const limit = view.responseBufferSize ?? defaultResponseBufferBytes
  const total = receive.reduce((sum, { length }) => sum + length, 0)
  if (limit !== 0 && total > limit) {
    const message = `The expected response length '${total}' is over than http health response buffer size '${limit}'`
    errors.add(view, 'receive', message)
  }
  return { receive, responseBufferBytes: limit === 0 ? Number.POSITIVE_INFINITY : limit }
}

function serviceName(view: HttpHealthCheck['serviceNameMatcher'], errors: ConfigErrors): StringPredicate | undefined {
  if (view === undefined) return undefined
  try {
    return compileStringMatcher(view)
  } catch (error) {
    errors.add(view, undefined, matcherErrorMessage(error))
    return undefined
  }
}
