/** Overload managers that Envoy accepts or refuses in a bootstrap. */
import { boot, type VerdictCase } from './verdict_cases.ts'

const MONITORS = 'type.googleapis.com/envoy.extensions.resource_monitors'
const injected = (name: string) =>
  `{ name: ${name}, typed_config: { "@type": ${MONITORS}.injected_resource.v3.InjectedResourceConfig, filename: /tmp/none } }`
const heap = (fields: string) =>
  `{ name: h, typed_config: { "@type": ${MONITORS}.fixed_heap.v3.FixedHeapConfig, ${fields} } }`
const connections = (fields: string) =>
  `{ name: envoy.resource_monitors.global_downstream_max_connections, typed_config: { "@type": ${MONITORS}.downstream_connections.v3.DownstreamConnectionsConfig${fields} } }`
const cgroup = (fields: string) =>
  `{ name: g, typed_config: { "@type": ${MONITORS}.cgroup_memory.v3.CgroupMemoryConfig${fields} } }`
const cpu = (fields: string) =>
  `{ name: c, typed_config: { "@type": ${MONITORS}.cpu_utilization.v3.CpuUtilizationConfig${fields} } }`

const overload = (name: string, fields: string): VerdictCase => ({
  name: `overload: ${name}`,
  yaml: boot({ top: `overload_manager: { ${fields} }` }),
})
const monitors = (name: string, ...list: string[]): VerdictCase =>
  overload(`monitors, ${name}`, `resource_monitors: [ ${list.join(', ')} ]`)
const STOP = 'envoy.overload_actions.stop_accepting_requests'
const ABOVE = 'threshold: { value: 0.9 }'
const actions = (name: string, ...list: string[]): VerdictCase =>
  overload(`actions, ${name}`, `resource_monitors: [ ${injected('i')} ], actions: [ ${list.join(', ')} ]`)
const action = (name: string, ...triggers: string[]) => `{ name: ${name}, triggers: [ ${triggers.join(', ')} ] }`
const trigger = (text: string, name = 'i') => `{ name: ${name}, ${text} }`
const points = (name: string, ...list: string[]): VerdictCase =>
  overload(`points, ${name}`, `resource_monitors: [ ${injected('i')} ], loadshed_points: [ ${list.join(', ')} ]`)
const POINT = 'envoy.load_shed_points.tcp_listener_accept'
const reducing = (name: string, fields: string) =>
  actions(
    `reduce timeouts ${name}`,
    `{ name: envoy.overload_actions.reduce_timeouts, triggers: [ ${trigger(ABOVE)} ], typed_config: { "@type": type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig${fields} } }`,
  )
const resetting = (name: string, accounts: string) =>
  overload(
    `actions, reset streams ${name}`,
    `resource_monitors: [ ${injected('i')} ], actions: [ ${action('envoy.overload_actions.reset_high_memory_stream', trigger(ABOVE))} ], buffer_factory_config: { ${accounts} }`,
  )

export const overloadVerdictCases: readonly VerdictCase[] = [
  overload('empty', ''),
  overload('refresh interval', 'refresh_interval: 0.25s'),
  overload('refresh interval below nothing', 'refresh_interval: -1s'),
  overload('unknown field', 'monitors: []'),
  monitors('injected', injected('i')),
  monitors('two of a name', injected('i'), injected('i')),
  monitors('two of a type', injected('i'), injected('j')),
  monitors('without a name', injected('""')),
  monitors('without a type', '{ name: envoy.resource_monitors.fixed_heap }'),
  monitors('unknown', '{ name: x, typed_config: { "@type": type.googleapis.com/envoy.config.core.v3.Node } }'),
  monitors(
    'without a file',
    `{ name: i, typed_config: { "@type": ${MONITORS}.injected_resource.v3.InjectedResourceConfig } }`,
  ),
  monitors('heap', heap('max_heap_size_bytes: 1000000')),
  monitors('heap of nothing', heap('max_heap_size_bytes: 0')),
  monitors('heap by runtime', heap('max_heap_size_bytes_runtime: { default_value: 1000000, runtime_key: k }')),
  monitors('connections', connections(', max_active_downstream_connections: 5')),
  monitors('no connections', connections('')),
  monitors(
    'connections twice',
    connections(', max_active_downstream_connections: 5'),
    connections(', max_active_downstream_connections: 5'),
  ),
  ...['', ', mode: HOST', ', mode: CONTAINER', ', mode: 2'].map((fields) =>
    monitors(`processors${fields}`, cpu(fields)),
  ),
  monitors('control group', cgroup('')),
  monitors('control group with a limit', cgroup(', max_memory_bytes: 1000')),
  ...[
    'stop_accepting_requests',
    'disable_http_keepalive',
    'stop_accepting_connections',
    'reject_incoming_connections',
  ].map((name) => actions(name, action(`envoy.overload_actions.${name}`, trigger(ABOVE)))),
  actions('unknown', action('envoy.overload_actions.stop_everything', trigger(ABOVE))),
  actions('without a name', action('""', trigger(ABOVE))),
  actions('without triggers', `{ name: ${STOP} }`),
  actions('twice', action(STOP, trigger(ABOVE)), action(STOP, trigger(ABOVE))),
  actions('of an unknown resource', action(STOP, trigger(ABOVE, 'x'))),
  actions('two triggers of a resource', action(STOP, trigger(ABOVE), trigger(ABOVE))),
  actions('trigger without a kind', action(STOP, '{ name: i }')),
  actions('threshold over all', action(STOP, trigger('threshold: { value: 1.1 }'))),
  actions('threshold of nothing', action(STOP, trigger('threshold: { value: 0 }'))),
  actions('scaled', action(STOP, trigger('scaled: { scaling_threshold: 0.5, saturation_threshold: 0.6 }'))),
  actions(
    'scaled the wrong way',
    action(STOP, trigger('scaled: { scaling_threshold: 0.6, saturation_threshold: 0.5 }')),
  ),
  actions(
    'scaled over nothing',
    action(STOP, trigger('scaled: { scaling_threshold: 0.6, saturation_threshold: 0.6 }')),
  ),
  actions('scaled over all', action(STOP, trigger('scaled: { scaling_threshold: 0.6, saturation_threshold: 1.2 }'))),
  actions(
    'with settings that it has none of',
    `{ name: ${STOP}, triggers: [ ${trigger(ABOVE)} ], typed_config: { "@type": type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig, timer_scale_factors: [ { timer: HTTP_DOWNSTREAM_CONNECTION_IDLE, min_timeout: 1s } ] } }`,
  ),
  ...[
    '',
    ', timer_scale_factors: []',
    ', timer_scale_factors: [ { timer: HTTP_DOWNSTREAM_CONNECTION_IDLE } ]',
    ', timer_scale_factors: [ { timer: UNSPECIFIED, min_timeout: 1s } ]',
    ', timer_scale_factors: [ { timer: HTTP_DOWNSTREAM_STREAM_FLUSH, min_timeout: -1s } ]',
    ', timer_scale_factors: [ { timer: HTTP_DOWNSTREAM_CONNECTION_MAX, min_scale: { value: 101 } } ]',
    ', timer_scale_factors: [ { timer: TRANSPORT_SOCKET_CONNECT, min_timeout: 1s }, { timer: TRANSPORT_SOCKET_CONNECT, min_timeout: 2s } ]',
    ', timer_scale_factors: [ { timer: TRANSPORT_SOCKET_CONNECT, min_timeout: 1s }, { timer: HTTP_DOWNSTREAM_STREAM_IDLE, min_scale: { value: 50 } } ]',
  ].map((fields) => reducing(fields === '' ? 'by no settings' : fields, fields)),
  actions('reduce timeouts without settings', action('envoy.overload_actions.reduce_timeouts', trigger(ABOVE))),
  actions('shrink heap', action('envoy.overload_actions.shrink_heap', trigger(ABOVE))),
  ...[
    '',
    ', timer_interval: 1s',
    ', timer_interval: 0.5s',
    ', timer_interval: 0s',
    ', max_unfreed_memory_bytes: 1',
  ].map((fields) =>
    actions(
      `shrink heap by settings${fields}`,
      `{ name: envoy.overload_actions.shrink_heap, triggers: [ ${trigger(ABOVE)} ], typed_config: { "@type": type.googleapis.com/envoy.config.overload.v3.ShrinkHeapConfig${fields} } }`,
    ),
  ),
  actions(
    'shrink heap by settings of another action',
    `{ name: envoy.overload_actions.shrink_heap, triggers: [ ${trigger(ABOVE)} ], typed_config: { "@type": type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig, timer_scale_factors: [ { timer: HTTP_DOWNSTREAM_CONNECTION_IDLE, min_timeout: 1s } ] } }`,
  ),
  ...[9, 10, 56, 57].map((power) =>
    resetting(`of 2 to the ${power}`, `minimum_account_to_track_power_of_two: ${power}`),
  ),
  resetting('without a size', ''),
  actions('reset streams without accounts', action('envoy.overload_actions.reset_high_memory_stream', trigger(ABOVE))),
  actions('close idle connections', action('envoy.overload_actions.close_idle_http_connections', trigger(ABOVE))),
  points('one', action(POINT, trigger(ABOVE))),
  points(
    'all others',
    ...[
      'hcm_ondata_creating_codec',
      'http_connection_manager_decode_headers',
      'http1_server_abort_dispatch',
      'http2_server_go_away_on_dispatch',
      'http2_server_go_away_and_close_on_dispatch',
      'http3_server_go_away_on_dispatch',
      'http3_server_go_away_and_close_on_dispatch',
      'http_downstream_filter_check',
      'connection_pool_new_connection',
      'tcp_proxy_on_data',
      'tcp_proxy_upstream_connect',
    ].map((name) => action(`envoy.load_shed_points.${name}`, trigger(ABOVE))),
  ),
  points('twice', action(POINT, trigger(ABOVE)), action(POINT, trigger(ABOVE))),
  points('without triggers', `{ name: ${POINT} }`),
  points('of an unknown resource', action(POINT, trigger(ABOVE, 'x'))),
  points('two triggers of a resource', action(POINT, trigger(ABOVE), trigger(ABOVE))),
  points(
    'scaled the wrong way',
    action(POINT, trigger('scaled: { scaling_threshold: 0.6, saturation_threshold: 0.5 }')),
  ),
]
