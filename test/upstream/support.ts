// What the tests of this folder share: clusters from YAML, a DNS cluster over a DNS server of the test, waiting for hosts.

import type { envoy } from '../../proto/generated/api.d.ts'
import { ConfigErrors, renderIssue } from '../../src/config/errors.ts'
import { loadBootstrap } from '../../src/config/load.ts'
import { allExtensions } from '../../src/extensions/all_extensions.ts'
import { rawBufferUpstreamFactory } from '../../src/extensions/transport_sockets/raw_buffer/config.ts'
import { createAsyncGrpcClient } from '../../src/grpc/async_grpc_client.ts'
import { createLocalStore, type StatsStore } from '../../src/stats/store.ts'
import { buildCluster } from '../../src/upstream/build_cluster.ts'
import type { Cluster } from '../../src/upstream/cluster.ts'
import { ClusterManager } from '../../src/upstream/cluster_manager.ts'
import { type ClusterStats, clusterStats } from '../../src/upstream/cluster_stats.ts'
import { type ClusterDiscovery, createDiscovery, type Priorities } from '../../src/upstream/discovery/discovery.ts'
import { staticHosts } from '../../src/upstream/endpoints.ts'
import type { ServerContext } from '../../src/upstream/server_context.ts'
import { type TestContext, type TestContextOptions, testContext } from '../network/support.ts'
import { unresolvedDnsCaches } from '../support/dns_caches.ts'

export type ClusterView = envoy.config.cluster.v3.Cluster

/** Cluster views of a YAML list; throws on what the loader refuses. */
export function clusterViews(yaml: string): ClusterView[] {
  const indented = yaml.trim().replaceAll('\n', '\n    ')
  const { bootstrap, issues } = loadBootstrap({ configYaml: `static_resources:\n  clusters:\n    ${indented}` })
  if (issues.hasErrors) throw new Error(issues.errors.map(renderIssue).join('\n'))
  return bootstrap?.staticResources?.clusters ?? []
}

/** `typed_dns_resolver_config` that asks the server on a port of loopback, as YAML on one line. */
export function caresYaml(port: number, more = ''): string {
  const type = 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig'
  const server = `{socket_address: {address: 127.0.0.1, port_value: ${port}}}`
  const options = '{no_default_search_domain: true}'
  return `{name: r, typed_config: {"@type": ${type}, resolvers: [${server}], dns_resolver_options: ${options}${more}}}`
}

/** One discovery, its stats, and every list of hosts it has given. */
export class RunningDiscovery {
  readonly discovery: ClusterDiscovery
  readonly store: StatsStore
  readonly stats: ClusterStats
  readonly lists: Priorities[] = []
  #waiting: (() => void)[] = []

  constructor(yaml: string) {
    this.store = createLocalStore()
    this.stats = clusterStats(this.store.createScope('cluster.c'), true)
    const errors = new ConfigErrors()
    const discovery = createDiscovery(clusterViews(yaml)[0], this.stats, errors, { scope: this.store })
    if (discovery === undefined || errors.hasErrors) throw new Error(errors.errors.map(renderIssue).join('\n'))
    this.discovery = discovery
  }

  /** Resolves when the first answer is in. */
  start(): Promise<void> {
    return this.discovery.start((priorities) => {
      this.lists.push(priorities)
      for (const wake of this.#waiting.splice(0)) wake()
    })
  }

  /** Addresses of the last list, the priorities one after another. */
  get addresses(): string[] {
    return (this.lists.at(-1) ?? []).flat().map((host) => host.address.text)
  }

  /** Waits until the hosts are these addresses, in any order. */
  async hosts(...expected: readonly string[]): Promise<void> {
    const wanted = expected.toSorted().join(' ')
    while (this.lists.length === 0 || this.addresses.toSorted().join(' ') !== wanted) {
      await new Promise<void>((wake) => this.#waiting.push(wake))
    }
  }
}

/** What building a discovery reports for the first cluster of a YAML list. */
export function discoveryErrors(yaml: string): string[] {
  const errors = new ConfigErrors()
  createDiscovery(clusterViews(yaml)[0], clusterStats(createLocalStore().createScope('cluster.c'), true), errors)
  return errors.errors.map((issue) => issue.message)
}

const ofClusters = allExtensions.filter(({ category }) =>
  ['envoy.load_balancing_policies', 'envoy.clusters'].includes(category),
)

export type TestServerContext = ServerContext & TestContext

/** The context of one worker (0), with the load balancing policies there are. */
export function serverContext(
  options: TestContextOptions & Partial<envoy.config.bootstrap.v3.ClusterManager> = {},
): TestServerContext {
  const base = testContext({
    ...options,
    extensions: [...ofClusters, rawBufferUpstreamFactory, ...(options.extensions ?? [])],
  })
  return {
    ...base,
    clusterManager: new ClusterManager(options),
    dnsCaches: unresolvedDnsCaches(base),
    localInfo: {
      nodeId: '',
      clusterName: '',
      zone: '',
      region: '',
      subZone: '',
      nodeMetadata: {},
      address: '127.0.0.1',
    },
    healthCheckFailed: () => false,
    onUnhealthyHost: () => {},
    onOutlier: () => {},
    onOriginalDst: () => {},
    concurrency: 1,
    createGrpcClient: createAsyncGrpcClient,
  }
}

/** Builds the first cluster of a YAML list and gives it its static hosts; throws on errors. */
export function startCluster(yaml: string, context: TestServerContext): Cluster {
  const view = clusterViews(yaml)[0]
  const cluster = buildCluster(view, context)
  cluster.setHosts(staticHosts(view.loadAssignment, context.errors))
  if (context.errors.hasErrors) throw new Error(context.errors.errors.map(renderIssue).join('\n'))
  return cluster
}

/** A STATIC cluster `c` over `address:port[ weight]` texts. */
export function staticClusterYaml(hosts: readonly string[], more = ''): string {
  const endpoints = hosts.map((text) => {
    const [at, weight] = text.split(' ')
    const colon = at.lastIndexOf(':')
    const address = `{socket_address: {address: "${at.slice(0, colon)}", port_value: ${at.slice(colon + 1)}}}`
    return `      - {endpoint: {address: ${address}}${weight === undefined ? '' : `, load_balancing_weight: ${weight}`}}`
  })
  const assignment = `  load_assignment:\n    cluster_name: c\n    endpoints:\n    - lb_endpoints:\n${endpoints.join('\n')}`
  return `- name: c\n  type: STATIC\n${more}${more === '' ? '' : '\n'}${assignment}`
}
