// Builds everything once, to find every error, and throws it away.

import type { envoy } from '../../proto/generated/api.d.ts'
import { AccessLogManager } from '../access_log/access_log_manager.ts'
import { checkFields } from '../config/check_fields.ts'
import { ConfigErrors, type ConfigIssue } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import type { ExtensionRegistry } from '../config/registry.ts'
import { Runtime } from '../config/runtime.ts'
import { messageSchema } from '../config/schema.ts'
import { WatchedResources } from '../config/watched_resources.ts'
import { createAsyncGrpcClient } from '../grpc/async_grpc_client.ts'
import { checkDuplicateAddresses } from '../network/listener_builder.ts'
import { WatchedFolders } from '../network/watched_folders.ts'
import { SharedCounter } from '../stats/shared_counter.ts'
import { createLocalStore } from '../stats/store.ts'
import { createDiscovery } from '../upstream/discovery/discovery.ts'
import type { DnsCaches } from '../upstream/dns_cache/dns_caches.ts'
import { HostResolution } from '../upstream/dns_cache/host_resolution.ts'
import { createOutlierEventLog } from '../upstream/outlier_detection/event_log.ts'
import type { ResourceSet } from '../xds/resource_set_api.ts'
import { adminSettings } from './admin_settings.ts'
import { logSettings } from './application_log.ts'
import { createClusterHealth } from './cluster_health.ts'
import { clustersInOrder } from './cluster_lifecycle.ts'
import { createClusterOutliers } from './cluster_outliers.ts'
import { Discovery } from './discovery.ts'
import { DrainManager } from './drain_decision.ts'
import { hdsClusterParts } from './hds_cluster_base.ts'
import { createHdsDelegate } from './health_discovery.ts'
import { Instance, statsSettings } from './instance.ts'
import { createLoadReporter } from './load_reports.ts'
import { localInfo } from './local_info.ts'
import type { Options } from './options.ts'
import { OutlierSlots } from './outlier_slots.ts'
import { checkRuntimeLayers, RuntimeLayers } from './runtime_layers.ts'

type ClusterView = envoy.config.cluster.v3.Cluster

/**
 * Builds everything, and adds what is found wrong to the errors of reading, so that all are reported at once. Where there
 * are some already, what only follows from them is left out. `dnsCaches`: of the server that is to take it on, which it keeps.
 */
export function checkBootstrap(
  bootstrap: Bootstrap,
  options: Options,
  registry: ExtensionRegistry,
  issues: ConfigErrors,
  dnsCaches?: DnsCaches,
): void {
  if (!issues.hasErrors) {
    validateBootstrap(bootstrap, options, registry, issues, dnsCaches)
    return
  }
  const further = new ConfigErrors()
  try {
    validateBootstrap(bootstrap, options, registry, further, dnsCaches)
  } catch {
    // Builders trust what the schema demands, and some of it is not there.
  }
  const known = issues.errors.map((issue) => issue.path)
  const isNew = ({ path }: ConfigIssue): boolean => path !== '' && !known.some((each) => isWithin(each, path))
  issues.issues.push(...further.issues.filter((issue) => issue.severity === 'warning' || isNew(issue)))
}

/** Whether a YAML path names the element of another one or something inside it. */
function isWithin(path: string, element: string): boolean {
  const next = path[element.length]
  return path.startsWith(element) && (next === undefined || next === '.' || next === '[')
}

export function validateBootstrap(
  bootstrap: Bootstrap,
  options: Options,
  registry: ExtensionRegistry,
  errors: ConfigErrors,
  dnsCaches?: DnsCaches,
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
  const discovery = new Discovery({
    clusters: untaken,
    listeners: untaken,
    onRuntimeLayer: async () => {},
    resources: () => instance.context.resources,
    tellWorkers: async () => {},
    forget: () => {},
    applied: async () => {},
  })
  const instance: Instance = new Instance(bootstrap, {
    scope: store,
    runtime,
    registry,
    accessLogManager: new AccessLogManager(store, { opensFiles: false }),
    shared: {
      counter: privateCounter,
      counters: (_name, count) => Array.from({ length: count }, privateCounter),
      cell64: () => new BigInt64Array(1),
      cells64: (_name, count) => new BigInt64Array(count),
    },
    folders: new WatchedFolders(),
    resources: new WatchedResources(discovery.demand),
    localInfo: info,
    errors,
    drainManager: new DrainManager(() => false),
    dnsDemand: new HostResolution({ scope: store, dns: bootstrap, tell: () => {}, inForce: dnsCaches }),
    healthCheckFailed: () => false,
    onUnhealthyHost: () => {},
    onOutlier: () => {},
    onOriginalDst: () => {},
    workerIndex: -1,
    concurrency: options.concurrency,
    createGrpcClient: createAsyncGrpcClient,
  })
  createOutlierEventLog(bootstrap.clusterManager?.outlierDetection, instance.context)
  const { listeners = [] } = bootstrap.staticResources ?? {}
  const { primary, secondary } = clustersInOrder(bootstrap)
  for (const view of primary) checkCluster(view, instance, bootstrap, errors)
  const readOptions = { unknownFields: 'warn', skipDeprecatedLogs: true } as const
  const { context } = instance
  const node = (): never => {
    throw new Error('nobody is asked while a configuration is checked')
  }
  const xdsContext = { ...context, node, nodeContextParams: () => ({}), readOptions }
  discovery.connect(bootstrap, xdsContext, errors)
  for (const view of secondary) checkCluster(view, instance, bootstrap, errors)
  const nobody = { loads: async () => [], pids: () => [] }
  createLoadReporter(bootstrap, xdsContext, nobody, errors)?.stop()
  const hdsParts = hdsClusterParts(instance, { eventLogs: context.accessLogManager, hasTraffic: () => false })
  createHdsDelegate(bootstrap, xdsContext, hdsParts, errors)?.stop()
  checkLocalCluster(bootstrap, instance, errors)
  for (const view of listeners) instance.buildListener(view, instance.contextFor(errors))
  adminSettings(bootstrap, instance.context)
  checkDuplicateAddresses(listeners, instance.context)
  discovery.stop()
}

/** Nothing is discovered while a configuration is checked. */
const untaken: ResourceSet = {
  beginUpdate: () => {},
  addOrUpdate: () => false,
  remove: () => false,
  names: () => [],
  applied: async () => {},
  onRefused: () => {},
}

function checkCluster(view: ClusterView, instance: Instance, bootstrap: Bootstrap, errors: ConfigErrors): void {
  const { clusterManager } = instance
  if (clusterManager.get(view.name) !== undefined) {
    errors.add(view, 'name', `cluster manager: duplicate cluster '${view.name}'`)
    return
  }
  const context = instance.contextFor(errors)
  const cluster = instance.buildCluster(view, context)
  clusterManager.put(cluster)
  const { stats, scope } = cluster.info
  const discovery = createDiscovery(view, stats, errors, {
    watch: context,
    clusterScope: scope,
    typedDnsResolverConfig: bootstrap.typedDnsResolverConfig,
    dnsResolutionConfig: bootstrap.dnsResolutionConfig,
  })
  const healthChecks = { eventLogs: context.accessLogManager, hasTraffic: () => false }
  if (discovery === undefined) return
  createClusterHealth(cluster, discovery.hostsKind, context, healthChecks)
  const outliers = { outlierSlots: new OutlierSlots(async () => {}), outlierEventLog: undefined }
  createClusterOutliers(cluster, context, outliers)
}

function privateCounter(): SharedCounter {
  return new SharedCounter(new Int32Array(1), new Int32Array(1), 0)
}

function checkLocalCluster(bootstrap: Bootstrap, { clusterManager }: Instance, errors: ConfigErrors): void {
  const { localClusterName } = clusterManager
  if (localClusterName === '' || clusterManager.get(localClusterName) !== undefined) return
  const message = `local cluster '${localClusterName}' must be defined`
  errors.add(bootstrap.clusterManager, 'localClusterName', message)
}
