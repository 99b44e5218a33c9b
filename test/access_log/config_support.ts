// Access log configurations, loaded as a bootstrap file would be.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { AccessLogContext } from '../../src/access_log/access_log.ts'
import type { AccessLogManager } from '../../src/access_log/access_log_manager.ts'
import { ConfigErrors } from '../../src/config/errors.ts'
import { loadBootstrap } from '../../src/config/load.ts'
import { ExtensionRegistry } from '../../src/config/registry.ts'
import { Runtime } from '../../src/config/runtime.ts'
import { fileAccessLogFactory } from '../../src/extensions/access_loggers/file/config.ts'
import { stderrAccessLogFactory, stdoutAccessLogFactory } from '../../src/extensions/access_loggers/stream/config.ts'
import { metadataFormatterFactory } from '../../src/extensions/formatter/metadata/config.ts'
import { reqWithoutQueryFormatterFactory } from '../../src/extensions/formatter/req_without_query/config.ts'

const fileType = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog'

/** An `access_log` entry for a file: its settings, and a filter. */
export function fileLog(settings: object, filter?: object): object {
  const entry = { name: 'envoy.access_loggers.file', typed_config: { '@type': fileType, ...settings } }
  return filter === undefined ? entry : { ...entry, filter }
}

/** Views of `access_log` entries in the snake_case of a file. */
export function accessLogViews(entries: readonly object[]): envoy.config.accesslog.v3.AccessLog[] {
  return listenerOf({ access_log: entries }).accessLog
}

export type LocalReplyConfig = envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig

/** The view of a `local_reply_config`. */
export function localReplyView(config: object): LocalReplyConfig {
  const managerType =
    'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
  const filter = {
    name: 'hcm',
    typed_config: {
      '@type': managerType,
      stat_prefix: 'h',
      route_config: { virtual_hosts: [] },
      http_filters: [
        {
          name: 'router',
          typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
        },
      ],
      local_reply_config: config,
    },
  }
  const listener = listenerOf({ filter_chains: [{ filters: [filter] }] })
  const manager = listener.filterChains[0].filters[0].typedConfig?.value
  return (manager as envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager)
    .localReplyConfig!
}

function listenerOf(fields: object): envoy.config.listener.v3.Listener {
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
  const bootstrap = { static_resources: { listeners: [{ name: 'l', address, ...fields }] } }
  const loaded = loadBootstrap({ configYaml: JSON.stringify(bootstrap) })
  if (loaded.errors.length > 0) throw new Error(loaded.errors.map((issue) => issue.message).join('\n'))
  return loaded.bootstrap!.staticResources!.listeners[0]
}

export function accessLogContext(accessLogManager: AccessLogManager): AccessLogContext {
  const registry = new ExtensionRegistry()
  registry.register(fileAccessLogFactory)
  registry.register(stdoutAccessLogFactory)
  registry.register(stderrAccessLogFactory)
  registry.register(metadataFormatterFactory)
  registry.register(reqWithoutQueryFormatterFactory)
  return { registry, runtime: new Runtime(), errors: new ConfigErrors(), accessLogManager }
}
