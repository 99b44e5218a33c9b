// /server_info: version, state, uptime, command line, node.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { wallMs } from '../../common/clock.ts'
import { durationText } from '../../config/proto_json.ts'
import { serverNode } from '../../server/node.ts'
import type { Options } from '../../server/options.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { envoyVersion, hotRestartVersion, nuncioVersion } from '../../server/version.ts'
import { type AdminEndpoint, jsonReply } from '../endpoint.ts'

const modeNames = { serve: 'Serve', validate: 'Validate', init_only: 'InitOnly' } as const
const defaultLogFormat = '[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v'

/** Revision, Envoy's version, source state, build type, TLS library: tools take the second part for the version. */
const serverVersion = `nuncio-${nuncioVersion}/${envoyVersion}/Clean/RELEASE/Node-${process.versions.node}`

export function serverInfoEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/server_info',
    help: 'version, state, command line and node',
    mutates: false,
    params: [],
    answer: () => {
      const { options } = control
      const uptime = `${Math.floor((wallMs() - control.startedAtWallMs) / 1000)}s`
      return jsonReply({
        version: serverVersion,
        state: control.state(),
        uptime_current_epoch: uptime,
        uptime_all_epochs: uptime,
        hot_restart_version: options.disableHotRestart ? 'disabled' : hotRestartVersion,
        command_line_options: commandLineJson(options),
        node: nodeJson(control),
        hot_restart_initializing: false,
      })
    },
  }
}

function commandLineJson(options: Options): JsonObject {
  return {
    base_id: String(options.baseId),
    concurrency: options.concurrency,
    config_path: options.configPath ?? '',
    config_yaml: options.configYaml ?? '',
    allow_unknown_static_fields: options.allowUnknownStaticFields,
    admin_address_path: options.adminAddressPath,
    local_address_ip_version: options.localAddressIpVersion,
    log_level: options.logLevel,
    component_log_level: options.componentLogLevels.map((pair) => pair.join(':')).join(','),
    log_format: options.logFormat ?? defaultLogFormat,
    log_path: options.logPath,
    service_cluster: options.serviceCluster,
    service_node: options.serviceNode,
    service_zone: options.serviceZone,
    file_flush_interval: durationText(options.fileFlushIntervalMs),
    drain_time: `${options.drainTimeSeconds}s`,
    parent_shutdown_time: `${options.parentShutdownTimeSeconds}s`,
    mode: modeNames[options.mode],
    disable_hot_restart: options.disableHotRestart,
    enable_mutex_tracing: false,
    restart_epoch: options.restartEpoch,
    cpuset_threads: false,
    reject_unknown_dynamic_fields: options.rejectUnknownDynamicFields,
    log_format_escaped: options.logFormatEscaped,
    disabled_extensions: [],
    ignore_unknown_dynamic_fields: options.ignoreUnknownDynamicFields,
    use_dynamic_base_id: options.useDynamicBaseId,
    base_id_path: options.baseIdPath,
    drain_strategy: options.drainStrategy === 'gradual' ? 'Gradual' : 'Immediate',
    enable_fine_grain_logging: false,
    socket_path: '@envoy_domain_socket',
    socket_mode: 0,
    enable_core_dump: options.enableCoreDump,
    stats_tag: [...options.statsTags],
    skip_hot_restart_on_no_parent: options.skipHotRestartOnNoParent,
    skip_hot_restart_parent_stats: options.skipHotRestartParentStats,
    skip_deprecated_logs: options.skipDeprecatedLogs,
    file_flush_min_size: options.fileFlushMinSizeBytes / 1024,
    log_stacktrace_single_entry: false,
  }
}

/** Fields are printed whether they are set or not, as Envoy does here alone. */
function nodeJson(control: ServerControl): JsonObject {
  const node = serverNode(control)
  const json: JsonObject = { id: node.id, cluster: node.cluster }
  if (node.metadata !== undefined) json['metadata'] = node.metadata
  const { locality, userAgentBuildVersion: build } = node
  if (locality !== undefined)
    json['locality'] = { region: locality.region, zone: locality.zone, sub_zone: locality.subZone }
  json['user_agent_name'] = node.userAgentName
  json['user_agent_build_version'] = {
    version: {
      major_number: build?.version?.majorNumber ?? 0,
      minor_number: build?.version?.minorNumber ?? 0,
      patch: build?.version?.patch ?? 0,
    },
    metadata: build?.metadata ?? {},
  }
  json['extensions'] = node.extensions.map((extension) => ({
    name: extension.name,
    category: extension.category,
    type_descriptor: '',
    disabled: false,
    type_urls: [...extension.typeUrls],
  }))
  return { ...json, client_features: [], listening_addresses: [], dynamic_parameters: {} }
}
