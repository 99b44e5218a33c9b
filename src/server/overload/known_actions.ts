// Which overload actions and load shed points the proxy acts on; a configuration with any other is refused.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { reduceTimeoutsAction } from '../../network/overload/scaled_timers.ts'
import { shrinkHeapAction } from './heap_shrinker.ts'

const actionPrefix = 'envoy.overload_actions.'
const supportedActions: ReadonlySet<string> = new Set(
  [
    'stop_accepting_requests',
    'disable_http_keepalive',
    'stop_accepting_connections',
    'reject_incoming_connections',
    'shrink_heap',
    'reduce_timeouts',
    'reset_high_memory_stream',
    // No listener speaks HTTP/3, which is what Envoy does it to.
    'close_idle_http_connections',
  ].map((name) => actionPrefix + name),
)
export const scaledTimersType = 'envoy.config.overload.v3.ScaleTimersOverloadActionConfig'
/** The settings of those that have some. */
const configTypes: Readonly<Record<string, string>> = {
  [shrinkHeapAction]: 'envoy.config.overload.v3.ShrinkHeapConfig',
  [reduceTimeoutsAction]: scaledTimersType,
}

const pointPrefix = 'envoy.load_shed_points.'
const supportedPoints: ReadonlySet<string> = new Set(
  [
    'tcp_listener_accept',
    'hcm_ondata_creating_codec',
    'http_connection_manager_decode_headers',
    'http1_server_abort_dispatch',
    'http2_server_go_away_on_dispatch',
    'http2_server_go_away_and_close_on_dispatch',
    'http_downstream_filter_check',
    'connection_pool_new_connection',
    'tcp_proxy_on_data',
    'tcp_proxy_upstream_connect',
    // No listener speaks HTTP/3.
    'http3_server_go_away_on_dispatch',
    'http3_server_go_away_and_close_on_dispatch',
  ].map((name) => pointPrefix + name),
)

export function checkAction(view: envoy.config.overload.v3.OverloadAction, errors: ConfigErrors): void {
  const { name } = view
  if (supportedActions.has(name)) {
    const message = problemOfConfig(name, view.typedConfig?.typeUrl)
    if (message !== undefined) errors.add(view, 'typedConfig', message)
  } else errors.add(view, 'name', `Unknown Overload Manager Action ${name}`, { expected: listed(supportedActions) })
}

function problemOfConfig(name: string, type: string | undefined): string | undefined {
  if (type === undefined)
    return name === reduceTimeoutsAction ? `Overload action "${name}" requires typed_config` : undefined
  const expected = configTypes[name]
  if (type === expected) return undefined
  return expected === undefined
    ? `Overload action "${name}" has an unexpected value for the typed_config field`
    : `Overload action "${name}" takes a ${expected}`
}

/** Envoy takes any name, and does nothing for those that it does not know. */
export function checkLoadShedPoint(view: envoy.config.overload.v3.LoadShedPoint, errors: ConfigErrors): void {
  if (supportedPoints.has(view.name)) return
  errors.add(view, 'name', `load shed point ${view.name} is not supported`, { expected: listed(supportedPoints) })
}

function listed(names: ReadonlySet<string>): string {
  return `one of ${[...names].join(', ')}`
}
