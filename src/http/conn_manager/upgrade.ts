// Upgrades and CONNECT: which one a request asks for, whether it may have it, and whether the response grants it.

import type { HeaderMap } from '../../common/header_map.ts'
import { ResponseFlag } from '../../stream_info/response_flags.ts'
import type { StreamResetReason } from '../codec/codec.ts'
import { isUpgrade, upgradeType } from '../codec/http1/request_head.ts'
import type { Route } from '../route.ts'
import type { ConnectionManagerSettings } from './settings.ts'

/** The lower-case type asked for (`connect` for CONNECT, as upgrade_configs name it), '' for a plain request. */
export function requestedUpgrade(headers: HeaderMap): string {
  if (isUpgrade(headers)) return upgradeType(headers)
  return headers.method === 'CONNECT' ? 'connect' : ''
}

/** The filters of an upgrade that the route (first) or the connection manager allows; undefined where neither does. */
export function upgradeFilters(
  type: string,
  route: Route | undefined,
  settings: ConnectionManagerSettings,
): ConnectionManagerSettings['filters'] | undefined {
  const configured = settings.upgrades.get(type)
  const perRoute = route?.kind === 'forward' ? route.upgrades.get(type) : undefined
  const enabled = perRoute?.enabled ?? configured?.enabled ?? false
  return enabled ? (configured?.filters ?? settings.filters) : undefined
}

/** Whether a response makes a tunnel of the request's connection. */
export function isUpgradeAccepted(type: string, response: HeaderMap): boolean {
  if (type === '') return false
  const { status } = response
  return type === 'connect' ? status >= 200 && status < 300 : status === 101 && isUpgrade(response)
}

const connectionFlags = ResponseFlag.UpstreamConnectionFailure | ResponseFlag.UpstreamConnectionTermination

/** Why a tunnel is reset where it is the upstream connection that failed (RFC 9113 8.5). */
export function tunnelReset(type: string, responseFlags: number): StreamResetReason | undefined {
  return type !== '' && (responseFlags & connectionFlags) !== 0 ? 'connectError' : undefined
}
