/** What the tests of this folder share: subscriptions to a control plane, and receivers that write down what comes. */
import type { envoy } from '../../proto/generated/api.d.ts'
import { ConfigErrors, renderIssue } from '../../src/config/errors.ts'
import { loadBootstrap } from '../../src/config/load.ts'
import type { ExtensionFactory } from '../../src/config/registry.ts'
import { buildCluster } from '../../src/upstream/build_cluster.ts'
import { staticHosts } from '../../src/upstream/endpoints.ts'
import { describeErrors } from '../../src/xds/read_resource.ts'
import type {
  ConfigSource,
  ConfigUpdate,
  ResourceError,
  Subscription,
  SubscriptionCallbacks,
  UpdateFailureReason,
} from '../../src/xds/subscription.ts'
import { XdsManager } from '../../src/xds/xds_manager.ts'
import { Condition } from '../support/condition.ts'
import { serverContext, type TestServerContext } from '../upstream/support.ts'

type ApiConfigSource = envoy.config.core.v3.ApiConfigSource
type Node = envoy.config.core.v3.Node

/** A ConfigSource from YAML on one line. */
export function configSource(yaml: string): ConfigSource {
  const loaded = loadBootstrap({ configYaml: `dynamic_resources: {cds_config: ${yaml}}` })
  if (loaded.issues.hasErrors) throw new Error(loaded.errors.map(renderIssue).join('\n'))
  return loaded.bootstrap!.dynamicResources!.cdsConfig!
}

export const ads = configSource('{ads: {}, resource_api_version: V3}')

/** A gRPC source over the cluster `xds`. */
export function grpcApi(apiType: 'GRPC' | 'DELTA_GRPC', more = '', grpcMore = ''): string {
  const service = `{envoy_grpc: {cluster_name: xds}${grpcMore === '' ? '' : `, ${grpcMore}`}}`
  const extra = more === '' ? '' : `, ${more}`
  return `{api_type: ${apiType}, transport_api_version: V3, grpc_services: [${service}]${extra}}`
}

/** The cluster `xds` with one host; `more` are fields of it. */
export function xdsCluster(address: string, more = ''): string {
  const assignment = `{cluster_name: xds, endpoints: [{lb_endpoints: [{endpoint: {address: ${address}}}]}]}`
  const extra = more === '' ? '' : `, ${more}`
  return `{name: xds, type: STATIC, connect_timeout: 1s, load_assignment: ${assignment}${extra}}`
}

export function portAddress(port: number): string {
  return `{socket_address: {address: 127.0.0.1, port_value: ${port}}}`
}

export interface ClientOptions {
  /** Of the cluster `xds`; none for a cluster without hosts. */
  readonly cluster: string
  /** `ads_config` as YAML. */
  readonly adsConfig?: string
  readonly extensions?: readonly ExtensionFactory[]
}

/** One proxy's side of discovery. */
export class TestClient {
  readonly context: TestServerContext
  readonly manager: XdsManager
  readonly errors = new ConfigErrors('test.yaml')
  readonly #subscriptions: Subscription[] = []

  constructor({ cluster, adsConfig, extensions = [] }: ClientOptions) {
    this.context = serverContext({ extensions })
    const yaml = `static_resources: {clusters: [${cluster}]}`
    const { bootstrap, issues } = loadBootstrap({ configYaml: yaml })
    if (issues.hasErrors) throw new Error(issues.errors.map(renderIssue).join('\n'))
    for (const view of bootstrap!.staticResources!.clusters) {
      const added = buildCluster(view, this.context)
      this.context.clusterManager.put(added)
      added.setHosts(staticHosts(view.loadAssignment, this.context.errors))
    }
    const api: ApiConfigSource | undefined =
      adsConfig === undefined ? undefined : configSource(`{api_config_source: ${adsConfig}}`).apiConfigSource
    this.manager = new XdsManager(
      { adsConfig: api, configSources: [], defaultConfigSource: undefined },
      {
        clusterManager: this.context.clusterManager,
        localInfo: { ...this.context.localInfo, nodeId: 'node-1', clusterName: 'test' },
        scope: this.context.scope,
        node: () => ({ id: 'node-1', cluster: 'test', userAgentName: 'envoy' }) as Node,
        nodeContextParams: () => ({}),
        runtime: this.context.runtime,
        folders: this.context.folders,
        readOptions: { unknownFields: 'warn', skipDeprecatedLogs: false },
      },
      this.errors,
    )
  }

  /** `scope` is where its statistics go. */
  subscribe(
    typeUrl: string,
    names: readonly string[] | '*',
    source: ConfigSource = ads,
    scope = 'test',
    receiver = new Receiver(),
  ): Receiver {
    const stats = this.context.scope.createScope(scope)
    const made = this.manager.create(source, typeUrl, receiver, stats, source, this.errors)
    if (made === undefined) throw new Error(this.errors.errors.map(renderIssue).join('\n'))
    this.#subscriptions.push(made)
    receiver.subscription = made
    made.start(names === '*' ? '*' : new Set(names))
    return receiver
  }

  stat(name: string): number {
    return this.context.scope.counter(name).value()
  }

  gauge(name: string): number {
    return this.context.scope.gauge(name).value()
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.stop()
    this.manager.stop()
    for (const cluster of this.context.clusterManager.clusters()) {
      for (const host of cluster.prioritySet.hosts()) for (const pool of host.pools.values()) pool.closeConnections()
    }
  }
}

/** Takes everything that reading has found nothing wrong with; what a test wants refused it says by `refuse`. */
export class Receiver implements SubscriptionCallbacks {
  readonly updates: ConfigUpdate[] = []
  readonly failures: { readonly reason: UpdateFailureReason; readonly message: string }[] = []
  subscription: Subscription | undefined
  refuse: (name: string) => string | undefined = () => undefined
  /** An update is in force when this has resolved. */
  apply: (update: ConfigUpdate) => Promise<void> = () => Promise.resolve()
  readonly #changed = new Condition()

  async onConfigUpdate(update: ConfigUpdate): Promise<readonly ResourceError[]> {
    this.updates.push(update)
    this.#changed.wake()
    await this.apply(update)
    return update.added.flatMap(({ name, errors }) => {
      const message = describeErrors(errors) ?? this.refuse(name)
      return message === undefined ? [] : [{ name, message }]
    })
  }

  onConfigUpdateFailed(reason: UpdateFailureReason, message: string): void {
    this.failures.push({ reason, message })
    this.#changed.wake()
  }

  /** `v1 +a +b -c`, one for each update. */
  get lines(): string[] {
    return this.updates.map(({ versionInfo, added, removed }) =>
      [versionInfo, ...added.map(({ name }) => `+${name}`), ...removed.map((name) => `-${name}`)].join(' '),
    )
  }

  until(holds: () => boolean, timeoutMs = 10_000): Promise<void> {
    return this.#changed.until(holds, timeoutMs, () => `updates: ${this.lines.join('; ')}`)
  }

  /** And what the subscription does then is done: it takes no more than this turn of the event loop. */
  async updatesReach(count: number): Promise<void> {
    await this.until(() => this.updates.length >= count)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
