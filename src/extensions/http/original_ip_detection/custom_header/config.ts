// envoy.http.original_ip_detection.custom_header: the client's address from a header of the operator's choice.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { parseIp } from '../../../../common/cidr.ts'
import type { OriginalIpDetectionFactory } from '../../../../http/request_extension_factories.ts'
import { ipAddress } from '../../../../network/address.ts'

type CustomHeaderConfig = envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig

export const customHeaderIpDetection: OriginalIpDetectionFactory<CustomHeaderConfig> = {
  category: 'envoy.http.original_ip_detection',
  name: 'envoy.http.original_ip_detection.custom_header',
  typeUrls: ['envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig'],
  createIpDetection(config) {
    const name = config.headerName.toLowerCase()
    const trusted = config.allowExtensionToSetAddressAsTrusted
    const reject = config.rejectWithStatus === undefined ? undefined : rejection(config.rejectWithStatus.code)
    return (headers) => {
      const value = headers.get(name)
      if (value !== undefined && parseIp(value) !== undefined)
        return { address: ipAddress(value, 0), trusted, skipXffAppend: true }
      return reject ?? { address: undefined, trusted: false, skipXffAppend: true }
    }
  },
}

/** Codes below 400 make no refusal: Envoy answers 403 then. */
function rejection(code: string): { rejectStatus: number } {
  const status = statusNumber(code)
  return { rejectStatus: status >= 400 && status < 600 ? status : 403 }
}

const statusNumbers: Readonly<Record<string, number>> = {
  BadRequest: 400,
  Unauthorized: 401,
  PaymentRequired: 402,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  ProxyAuthenticationRequired: 407,
  RequestTimeout: 408,
  Conflict: 409,
  Gone: 410,
  UnprocessableEntity: 422,
  TooManyRequests: 429,
  InternalServerError: 500,
  NotImplemented: 501,
  BadGateway: 502,
  ServiceUnavailable: 503,
  GatewayTimeout: 504,
}

function statusNumber(code: string): number {
  return statusNumbers[code] ?? 0
}
