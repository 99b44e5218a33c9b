// One cluster that a management server wants checked: nothing is sent to it but checks, and no other part knows of it.

import type { envoy } from '../../proto/generated/api.d.ts'
import { fingerprint } from '../common/fingerprint.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { resolveAddress } from '../network/address.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import { checkTarget } from '../upstream/health_checking/check_target.ts'
import { CheckedHost } from '../upstream/health_checking/checked_host.ts'
import { createHealthChecker } from '../upstream/health_checking/create_health_checker.ts'
import type { HealthChecker } from '../upstream/health_checking/health_checker.ts'
import { Host, type Locality } from '../upstream/host.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import type { ClusterHealth } from '../xds/hds_delegate.ts'
import { baseFingerprint, type ClusterHealthCheck, HdsClusterBase, type HdsClusterParts } from './hds_cluster_base.ts'

type Endpoint = envoy.config.endpoint.v3.Endpoint
type EndpointHealth = envoy.service.health.v3.EndpointHealth
type HealthCheck = envoy.config.core.v3.HealthCheck

const noLocality: Locality = { region: '', zone: '', subZone: '' }

/** The hosts of one `locality_endpoints`. */
interface LocalityHosts {
  readonly locality: Locality
  readonly hosts: readonly CheckedHost[]
}

/** One version of it: nothing is checked before `start`. What the version before has in common with it goes on. */
export class HdsCluster {
  readonly name: string
  readonly #base: HdsClusterBase
  readonly #localities: readonly LocalityHosts[]
  readonly #hosts = new Pool<CheckedHost>()
  readonly #checkers = new Pool<HealthChecker>()

  /** What is wrong goes to `errors`: then it MUST NOT be started, but discarded. */
  constructor(
    view: ClusterHealthCheck,
    previous: HdsCluster | undefined,
    parts: HdsClusterParts,
    errors: ConfigErrors,
  ) {
    this.name = view.clusterName
    const isKept = previous !== undefined && previous.#base.fingerprint === baseFingerprint(view)
    this.#base = isKept ? previous.#base : new HdsClusterBase(view, parts, errors)
    const knownHosts = isKept ? previous.#hosts.copy() : new Pool<CheckedHost>()
    this.#localities = view.localityEndpoints.map((group) => {
      const locality = group.locality === undefined ? noLocality : { ...group.locality }
      const hosts = group.endpoints.flatMap((endpoint) => {
        const key = fingerprint([locality, endpoint])
        const host = knownHosts.take(key) ?? this.#createHost(endpoint, locality, errors)
        if (host !== undefined) this.#hosts.add(key, host)
        return host === undefined ? [] : [host]
      })
      return { locality, hosts }
    })
    const knownCheckers = isKept ? previous.#checkers.copy() : new Pool<HealthChecker>()
    for (const check of view.healthChecks) {
      const key = fingerprint(check)
      const checker = knownCheckers.take(key) ?? this.#createChecker(check, parts, errors)
      if (checker !== undefined) this.#checkers.add(key, checker)
    }
  }

  #createHost(endpoint: Endpoint, locality: Locality, errors: ConfigErrors): CheckedHost | undefined {
    const address = resolveAddress(endpoint.address, endpoint, 'address', errors)
    const target = address && checkTarget(address, endpoint.healthCheckConfig, errors)
    if (address === undefined || target === undefined) return undefined
    const host = new Host(this.#base.cluster.info, {
      address,
      additionalAddresses: [],
      hostname: endpoint.hostname,
      weight: 1,
      priority: 0,
      locality,
      localityWeight: 0,
      metadata: {},
      healthStatus: 'UNKNOWN',
    })
    return new CheckedHost(host, target)
  }

  #createChecker(view: HealthCheck, { hasTraffic }: HdsClusterParts, errors: ConfigErrors): HealthChecker | undefined {
    const { cluster, context } = this.#base
    const server = Object.assign(Object.create(context) as ServerContext, { errors })
    return createHealthChecker(view, { cluster: cluster.info, hasTraffic: () => hasTraffic(this.name) }, server)
  }

  /** Takes the place of `previous`, which MUST be the version that it was made with. */
  start(previous: HdsCluster | undefined): void {
    const hosts = [...this.#hosts.all()]
    const before = new Set(previous === undefined ? [] : previous.#hosts.all())
    const added = hosts.filter((host) => !before.has(host)).map(({ host }) => host)
    this.#base.cluster.info.transportSockets.countMatches(added)
    const checkers = new Set(this.#checkers.all())
    for (const checker of checkers) checker.setHosts(hosts)
    if (previous === undefined) return
    for (const checker of previous.#checkers.all()) if (!checkers.has(checker)) checker.stop()
    if (previous.#base !== this.#base) previous.#base.end()
  }

  /** It is wanted no more. */
  stop(): void {
    for (const checker of this.#checkers.all()) checker.stop()
    this.#base.end()
  }

  /** It was never started. */
  discard(previous: HdsCluster | undefined): void {
    if (previous === undefined || previous.#base !== this.#base) this.#base.end()
  }

  health(): ClusterHealth {
    const localityEndpointsHealth = this.#localities
      .filter(({ hosts }) => hosts.length > 0)
      .map(({ locality, hosts }) => ({ locality: { ...locality }, endpointsHealth: hosts.map(endpointHealth) }))
    return { clusterName: this.name, localityEndpointsHealth }
  }
}

/** As in Envoy, a host that is degraded is not healthy. */
function endpointHealth({ host, isHealthy, isTimedOut, lastHttpStatus }: CheckedHost): EndpointHealth {
  const endpoint = { address: addressView(host.address) } as Endpoint
  const unhealthy = isTimedOut ? 'TIMEOUT' : 'UNHEALTHY'
  const healthMetadata = lastHttpStatus === 0 ? undefined : { http_status_code: lastHttpStatus }
  return { endpoint, healthStatus: isHealthy ? 'HEALTHY' : unhealthy, healthMetadata }
}

function addressView({ family, text, ip, port }: AddressInfo): Endpoint['address'] {
  const view = family === 'pipe' ? { pipe: { path: text } } : { socketAddress: { address: ip, portValue: port } }
  return view as Endpoint['address']
}

/** What is known by what it was made of; several may be alike. */
class Pool<T> {
  readonly #byKey = new Map<string, T[]>()

  copy(): Pool<T> {
    const copy = new Pool<T>()
    for (const [key, items] of this.#byKey) copy.#byKey.set(key, [...items])
    return copy
  }

  add(key: string, item: T): void {
    const known = this.#byKey.get(key)
    if (known === undefined) this.#byKey.set(key, [item])
    else known.push(item)
  }

  take(key: string): T | undefined {
    return this.#byKey.get(key)?.shift()
  }

  *all(): Iterable<T> {
    for (const items of this.#byKey.values()) yield* items
  }
}
