// Where a host is checked, and under which name.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { ipAddress, resolveAddress } from '../../network/address.ts'
import type { AddressInfo } from '../../stream_info/stream_info.ts'

type HealthCheckConfig = envoy.config.endpoint.v3.Endpoint.HealthCheckConfig

/** What `health_check_config` of an endpoint says. */
export interface CheckTarget {
  readonly address: AddressInfo
  /** In the place of the one that a checker would name; '' for none. */
  readonly hostname: string
  readonly isDisabled: boolean
}

/** Undefined where there is no such target, which is said in `errors`. `address` is the host's own. */
export function checkTarget(
  address: AddressInfo,
  view: HealthCheckConfig | undefined,
  errors: ConfigErrors,
): CheckTarget | undefined {
  const base = view?.address === undefined ? address : resolveAddress(view.address, view, 'address', errors)
  if (base === undefined) return undefined
  const port = view?.portValue ?? 0
  if (port !== 0 && (address.family === 'pipe' || base.family === 'pipe')) {
    errors.add(view, 'portValue', 'Invalid host configuration: non-zero port for non-IP address')
    return undefined
  }
  return {
    address: port === 0 ? base : ipAddress(base.ip, port),
    hostname: view?.hostname ?? '',
    isDisabled: view?.disableActiveHealthCheck ?? false,
  }
}
