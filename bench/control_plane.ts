// A control plane in a process of its own, so that its work is nobody else's: the parent says what to push, and is told
// when it is accepted. Clusters, their endpoints and routes are made of one of each, of which only the name differs.

import { ControlPlane } from '../test/support/xds/control_plane.ts'
import type { TypeName } from '../test/support/xds/resource_types.ts'
import { encodeText, type ResourceInput } from '../test/support/xds/resources.ts'

/** What there is to be from now on. */
export interface Push {
  readonly version: string
  readonly clusters: number
  /** The first of them, which are in their second version and at the second port. */
  readonly changed: number
  readonly routes: number
  /** What may have changed; the others are pushed to nobody. */
  readonly types: readonly ('CDS' | 'EDS' | 'RDS')[]
}

export type FromControlPlane =
  | { readonly type: 'listening'; readonly port: number }
  /** All responses of the push are acknowledged. */
  | { readonly type: 'accepted'; readonly version: string }
  | { readonly type: 'refused'; readonly message: string }

/** Of the backends, for clusters as they are first and for those that have changed. */
export interface BackendPorts {
  readonly first: number
  readonly second: number
}

const digits = 6
const ackTimeoutMs = 240_000

export function clusterName(index: number): string {
  return `cluster-${String(index).padStart(digits, '0')}`
}

export function routePath(index: number): string {
  return `/route-${String(index).padStart(digits, '0')}`
}

const ads = { ads: {}, resource_api_version: 'V3' }

function cluster(timeout: string): object {
  const name = clusterName(0)
  return { name, type: 'EDS', connect_timeout: timeout, eds_cluster_config: { eds_config: ads } }
}

function assignment(port: number): object {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } }
  return { cluster_name: clusterName(0), endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] }
}

/** Requests say by a header which cluster they are for. */
function routeConfiguration(routes: number): object {
  const byHeader = { match: { prefix: '/' }, route: { cluster_header: 'x-cluster' } }
  const list = Array.from({ length: routes }, (_, index) => ({
    match: { prefix: routePath(index) },
    route: { cluster: 'backend' },
  }))
  const virtualHosts = [{ name: 'all', domains: ['*'], routes: [...list, byHeader] }]
  return { name: 'routes', validate_clusters: false, virtual_hosts: virtualHosts }
}

/** The bytes of a message that names the cluster of index 0, for all others: names have one length. */
class Template {
  readonly #bytes: Buffer
  readonly #at: number

  constructor(message: string, resource: object) {
    this.#bytes = Buffer.from(encodeText(message, resource))
    this.#at = this.#bytes.indexOf(clusterName(0))
  }

  bytesFor(index: number): Buffer {
    const bytes = Buffer.from(this.#bytes)
    bytes.write(clusterName(index), this.#at)
    return bytes
  }
}

const clusterMessage = 'envoy.config.cluster.v3.Cluster'
const assignmentMessage = 'envoy.config.endpoint.v3.ClusterLoadAssignment'

function resourcesOf(type: TypeName, { clusters, changed, routes }: Push, ports: BackendPorts): ResourceInput[] {
  if (type === 'RDS') return [{ name: 'routes', resource: routeConfiguration(routes) }]
  const [message, before, after] =
    type === 'CDS'
      ? [clusterMessage, cluster('5s'), cluster('6s')]
      : [assignmentMessage, assignment(ports.first), assignment(ports.second)]
  const [first, second] = [new Template(message, before), new Template(message, after)]
  return Array.from({ length: clusters }, (_, index) => ({
    name: clusterName(index),
    resource: undefined,
    bytes: (index < changed ? second : first).bytesFor(index),
  }))
}

async function push(plane: ControlPlane, wanted: Push, ports: BackendPorts): Promise<void> {
  const from = plane.requests.length
  const sets = wanted.types.map((type) => [type, resourcesOf(type, wanted, ports)])
  plane.setAll(wanted.version, Object.fromEntries(sets) as Parameters<ControlPlane['setAll']>[1])
  for (const type of wanted.types) {
    const answer = await plane.waitForRequest(
      (request) => request.type === type && request.answeredVersion === wanted.version,
      `the ACK of ${type}`,
      ackTimeoutMs,
      from,
    )
    if (answer.kind === 'nack') throw new Error(answer.error?.message)
  }
}

function tell(message: FromControlPlane): void {
  process.send?.(message)
}

if (import.meta.main) {
  const [first, second] = process.argv.slice(2).map(Number)
  const plane = await ControlPlane.start()
  plane.setAll('0', { CDS: [], EDS: [], RDS: [{ name: 'routes', resource: routeConfiguration(0) }] })
  process.on('message', (wanted: Push) => {
    push(plane, wanted, { first, second }).then(
      () => tell({ type: 'accepted', version: wanted.version }),
      (error: Error) => tell({ type: 'refused', message: error.message.slice(0, 1000) }),
    )
  })
  process.on('disconnect', () => process.exit(0))
  tell({ type: 'listening', port: plane.port })
}
