/**
 * A control plane's resources out of the `/config_dump` of a proxy that it had configured, and the proxy's bootstrap, changed
 * so that they can be served again on one machine: other addresses, other secrets.
 */
import { readFileSync } from 'node:fs'
import type { JsonObject, JsonValue } from '../../proto/generated/api.d.ts'
import type { CertificateAuthority } from '../support/certificate_authority.ts'
import type { TypeName } from '../support/xds/resource_types.ts'
import type { ResourceInput } from '../support/xds/resources.ts'

export interface Replay {
  readonly bootstrap: JsonObject
  readonly resources: Readonly<Partial<Record<TypeName, readonly ResourceInput[]>>>
}

export interface ReplayOptions {
  /** Unix socket of the control plane. */
  readonly controlPlanePath: string
  /** Where every endpoint is. */
  readonly backendPort: number
  readonly ca: CertificateAuthority
  /** Words of extensions that the proxy does not have: the bootstrap is to go without them. */
  readonly unbuilt: readonly string[]
}

/** Whether something of a configuration names one of these. */
export function isNamedIn(value: unknown, words: readonly string[]): boolean {
  const text = JSON.stringify(value)
  return words.some((word) => text.includes(word))
}

/** Where each type stands in a dump: the list, and the path from its elements to the resource. */
const places: readonly (readonly [type: TypeName, list: string, path: readonly string[], nameField: string])[] = [
  ['CDS', 'dynamic_active_clusters', ['cluster'], 'name'],
  ['EDS', 'dynamic_endpoint_configs', ['endpoint_config'], 'cluster_name'],
  ['LDS', 'dynamic_listeners', ['active_state', 'listener'], 'name'],
  ['RDS', 'dynamic_route_configs', ['route_config'], 'name'],
  ['SDS', 'dynamic_active_secrets', ['secret'], 'name'],
]

export function readReplay(file: string, options: ReplayOptions): Replay {
  const { configs } = JSON.parse(readFileSync(file, 'utf8')) as { configs: JsonObject[] }
  const resources: Partial<Record<TypeName, ResourceInput[]>> = {}
  const bootstrap = configs.map((config) => config['bootstrap']).find((found) => found !== undefined) as JsonObject
  const staticNames = clusterNames(bootstrap)
  for (const [type, list, path, nameField] of places) {
    const entries = configs.flatMap((config) => (config[list] ?? []) as JsonObject[])
    const found = entries.map((entry) => path.reduce((at, key) => at[key] as JsonObject, entry))
    resources[type] = found
      .map(({ '@type': _, ...resource }) => ({
        name: String(resource[nameField]),
        resource: relocate(resource, options),
      }))
      .map((input) => ({ ...input, resource: type === 'SDS' ? secret(input.name, options.ca) : input.resource }))
      // The dump lists the endpoints of all clusters; those of clusters of other kinds nobody asks for.
      .filter(({ name }) => type !== 'EDS' || !staticNames.includes(name))
  }
  return { bootstrap: ownBootstrap(bootstrap, options), resources }
}

function clusterNames(bootstrap: JsonObject): string[] {
  const { clusters } = bootstrap['static_resources'] as { clusters: { name: string }[] }
  return clusters.map(({ name }) => name)
}

/** Listeners that bind get any port, endpoints are where the backend is, pipes lead to the control plane. */
function relocate(value: JsonObject, options: ReplayOptions): JsonObject {
  const change = (key: string, item: JsonValue): JsonValue => {
    if (Array.isArray(item)) return item.map((one) => change('', one))
    // A test's standard output is a socket, which nobody can open by its name.
    if (item === '/dev/stdout') return '/dev/null'
    if (typeof item !== 'object' || item === null) return item
    if (key === 'pipe') return { ...item, path: options.controlPlanePath }
    if (key === 'endpoint')
      return { ...copy(item), ...(isSocket(item) ? { address: socket(options.backendPort) } : {}) }
    return copy(item)
  }
  const copy = (item: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(item).map(([key, field]) => [key, change(key, field)]))
  const changed = copy(value)
  const binds = 'filter_chains' in value && value['bind_to_port'] !== false
  return binds ? { ...changed, address: socket(0) } : changed
}

function isSocket(endpoint: JsonObject): boolean {
  return typeof endpoint['address'] === 'object' && 'socket_address' in (endpoint['address'] as JsonObject)
}

function socket(port: number): JsonObject {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}

/** Keys are not in a dump. */
function secret(name: string, ca: CertificateAuthority): JsonObject {
  const inline = (pem: Buffer) => ({ inline_bytes: pem.toString('base64') })
  if (/^(ROOTCA|file-root:)|-cacert$/.test(name)) {
    return { name, validation_context: { trusted_ca: inline(ca.cert) } }
  }
  const altNames = ['URI:spiffe://cluster.local/ns/default/sa/default', 'DNS:localhost']
  const { cert, key } = ca.issue({ name: 'replayed', altNames })
  return { name, tls_certificate: { certificate_chain: inline(cert), private_key: inline(key) } }
}

function ownBootstrap(bootstrap: JsonObject, options: ReplayOptions): JsonObject {
  const { clusters, listeners } = bootstrap['static_resources'] as { clusters: JsonObject[]; listeners: JsonObject[] }
  const { bootstrap_extensions: extensions = [], ...rest } = bootstrap
  const isBuilt = (part: JsonValue) => !isNamedIn(part, options.unbuilt)
  return {
    ...rest,
    bootstrap_extensions: (extensions as JsonValue[]).filter(isBuilt),
    admin: { address: socket(0) },
    static_resources: {
      clusters: clusters.map((cluster) => relocate(cluster, options)),
      listeners: listeners.filter(isBuilt).map((listener) => relocate(listener, options)),
    },
  }
}
