// Builds everything once, to find every error, and throws it away.

import { AccessLogManager } from '../access_log/access_log_manager.ts'
import { checkFields } from '../config/check_fields.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import type { ExtensionRegistry } from '../config/registry.ts'
import { Runtime } from '../config/runtime.ts'
import { messageSchema } from '../config/schema.ts'
import { checkDuplicateAddresses } from '../network/listener_builder.ts'
import { SharedCounter } from '../stats/shared_counter.ts'
import { createLocalStore } from '../stats/store.ts'
import { createDiscovery } from '../upstream/discovery/discovery.ts'
import { adminSettings } from './admin_settings.ts'
import { logSettings } from './application_log.ts'
import { DrainManager } from './drain_decision.ts'
import { Instance, statsSettings } from './instance.ts'
import { localInfo } from './local_info.ts'
import type { Options } from './options.ts'
import { checkRuntimeLayers, RuntimeLayers } from './runtime_layers.ts'

export function validateBootstrap(
  bootstrap: Bootstrap,
  options: Options,
  registry: ExtensionRegistry,
  errors: ConfigErrors,
): void {
  const schema = messageSchema('envoy.config.bootstrap.v3.Bootstrap')
  if (schema === undefined) throw new Error('the bundle has no Bootstrap')
  checkFields(schema, bootstrap as unknown as Record<string, unknown>, errors)
  logSettings(bootstrap, options, errors)
  checkRuntimeLayers(bootstrap.layeredRuntime?.layers ?? [], errors)
  statsSettings(bootstrap, options.statsTags, errors)
  const store = createLocalStore()
  const info = localInfo(bootstrap, options)
  const runtime = new Runtime()
  runtime.update(new RuntimeLayers(bootstrap.layeredRuntime?.layers, info.clusterName, store, async () => {}).merged())
  const instance = new Instance(bootstrap, {
    scope: store,
    runtime,
    registry,
    accessLogManager: new AccessLogManager(store, { opensFiles: false }),
    shared: {
      counter: () => new SharedCounter(new Int32Array(1), new Int32Array(1), 0),
      cell64: () => new BigInt64Array(1),
    },
    localInfo: info,
    errors,
    drainManager: new DrainManager(() => false),
    healthCheckFailed: () => false,
    workerIndex: -1,
    concurrency: options.concurrency,
  })
  adminSettings(bootstrap, instance.context)
  checkDuplicateAddresses(bootstrap.staticResources?.listeners ?? [], instance.context)
  for (const cluster of instance.clusterManager.clusters())
    createDiscovery(cluster.info.config, cluster.info.stats, errors, {
      typedDnsResolverConfig: bootstrap.typedDnsResolverConfig,
      dnsResolutionConfig: bootstrap.dnsResolutionConfig,
    })
}
