// Which overload actions and load shed points the proxy acts on; a configuration with any other is refused.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { shrinkHeapAction } from './heap_shrinker.ts'

const actionPrefix = 'envoy.overload_actions.'
const supportedActions: ReadonlySet<string> = new Set(
  [
    'stop_accepting_requests',
    'disable_http_keepalive',
    'stop_accepting_connections',
    'reject_incoming_connections',
    'shrink_heap',
  ].map((name) => actionPrefix + name),
)
/** Those that Envoy knows, too. */
const unsupportedActions: ReadonlySet<string> = new Set(
  ['reduce_timeouts', 'reset_high_memory_stream', 'close_idle_http_connections'].map((name) => actionPrefix + name),
)

const shrinkHeapConfig = 'envoy.config.overload.v3.ShrinkHeapConfig'

const pointPrefix = 'envoy.load_shed_points.'
const supportedPoints: ReadonlySet<string> = new Set(
  ['tcp_listener_accept', 'hcm_ondata_creating_codec', 'http_connection_manager_decode_headers'].map(
    (name) => pointPrefix + name,
  ),
)

export function checkAction(view: envoy.config.overload.v3.OverloadAction, errors: ConfigErrors): void {
  const { name } = view
  if (supportedActions.has(name)) {
    const { typedConfig } = view
    if (typedConfig === undefined) return
    if (name === shrinkHeapAction) {
      if (typedConfig.typeUrl === shrinkHeapConfig) return
      errors.add(view, 'typedConfig', `Overload action "${name}" takes a ${shrinkHeapConfig}`)
      return
    }
    const message = `Overload action "${name}" has an unexpected value for the typed_config field`
    errors.add(view, 'typedConfig', message)
  } else if (unsupportedActions.has(name)) {
    errors.add(view, 'name', `overload action ${name} is not supported`, { expected: listed(supportedActions) })
  } else errors.add(view, 'name', `Unknown Overload Manager Action ${name}`, { expected: listed(supportedActions) })
}

/** Envoy takes any name, and does nothing for those that it does not know. */
export function checkLoadShedPoint(view: envoy.config.overload.v3.LoadShedPoint, errors: ConfigErrors): void {
  if (supportedPoints.has(view.name)) return
  errors.add(view, 'name', `load shed point ${view.name} is not supported`, { expected: listed(supportedPoints) })
}

function listed(names: ReadonlySet<string>): string {
  return `one of ${[...names].join(', ')}`
}
