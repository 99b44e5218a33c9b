/** Hosts that fail as the paths of requests ask them to, and what a proxy says of them. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { BackendRequest } from '../../support/echo_backend.ts'
import type { CheckedHosts, HostName } from './checked_hosts.ts'
import { HCM } from './checked_hosts.ts'

const FILTERS = 'type.googleapis.com/envoy.extensions.filters'
const ALS = 'type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig'
const LOG = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog'

/** How many responses are too many of one kind. */
export const LIMIT = 3

const headersOf: Readonly<Record<string, string>> = {
  degraded: 'x-envoy-degraded: true\r\n',
  bad: 'x-bad: 1\r\n',
  unavailable: 'content-type: application/grpc\r\ngrpc-status: 14\r\n',
  internal: 'content-type: application/grpc\r\ngrpc-status: 13\r\n',
}

/**
 * `/<cluster>/<host>/<status>[/<headers>]`, or `hang`, `reset` or `cut` for the status: the other hosts answer with their names.
 * There are no tunnels.
 */
export function failAsAsked(name: HostName, { method, target, connection }: BackendRequest): boolean {
  if (method === 'CONNECT') {
    connection.send('HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n')
    return true
  }
  const [, , host, status, more = ''] = target.split('/')
  if (host !== name) return false
  if (status === 'reset') connection.reset()
  else if (status === 'cut') connection.finish('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf')
  else if (status !== 'hang')
    connection.send(`HTTP/1.1 ${status} X\r\n${headersOf[more] ?? ''}content-length: 1\r\n\r\n${name}`)
  return true
}

/** Nobody listens there. */
export const NOWHERE = { socket_address: { address: '127.0.0.1', port_value: 1 } }

/** Nothing but what is asked for makes anybody an outlier, and nobody comes back by himself. */
export const never = {
  ...{ interval: '3600s', max_ejection_percent: 100, consecutive_5xx: 0, consecutive_gateway_failure: 0 },
  ...{ consecutive_local_origin_failure: 0, success_rate_minimum_hosts: 100, failure_percentage_minimum_hosts: 100 },
}

export function outlierCluster(of: CheckedHosts, name: string, outliers: object, hosts: readonly HostName[]): object {
  return {
    name,
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    load_assignment: of.assignment(
      name,
      hosts.map((host) => of.endpoint(host)),
    ),
    outlier_detection: { ...never, ...outliers },
  }
}

/** Waits 0.3 seconds for responses, and says in its log how requests ended; `service` is a cluster that logs go to as well. */
export function outlierListener(
  of: CheckedHosts,
  clusters: readonly { readonly name: string; readonly route?: object }[],
  service?: string,
): object {
  const routes = clusters.map(({ name, route }) => ({
    match: { prefix: `/${name}/` },
    route: { cluster: name, timeout: '0.3s', ...route },
  }))
  const format = { text_format_source: { inline_string: '%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS%\n' } }
  const log = { '@type': LOG, path: join(of.folder, 'requests'), log_format: format }
  const manager = {
    '@type': HCM,
    stat_prefix: 'main',
    // Requests may say what only those from inside may.
    use_remote_address: true,
    internal_address_config: { cidr_ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }] },
    access_log: [{ name: 'file', typed_config: log }, ...(service === undefined ? [] : [serviceLog(service)])],
    route_config: { validate_clusters: false, virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [{ name: 'router', typed_config: { '@type': `${FILTERS}.http.router.v3.Router` } }],
  }
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
  return { name: 'main', address, filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }] }
}

function serviceLog(cluster_name: string): object {
  const common_config = {
    log_name: 'log',
    transport_api_version: 'V3',
    grpc_service: { envoy_grpc: { cluster_name } },
    buffer_flush_interval: '0.05s',
  }
  return { name: 'service', typed_config: { '@type': ALS, common_config } }
}

export function tcpListener(cluster: string, more: object = {}): object {
  const typed_config = { '@type': `${FILTERS}.network.tcp_proxy.v3.TcpProxy`, stat_prefix: cluster, cluster, ...more }
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
  return { name: cluster, address, filter_chains: [{ filters: [{ name: 'tcp', typed_config }] }] }
}

/** Requests, one after the other. */
export async function send(
  of: CheckedHosts,
  count: number,
  path: string,
  more: Record<string, string> = {},
): Promise<void> {
  for (let i = 0; i < count; i++) await of.get(path, 'main', more)
}

/** Connections, one after the other, each until it ends; `request` is what they say. */
export async function connectTo(of: CheckedHosts, listener: string, count: number, request?: string): Promise<void> {
  for (let i = 0; i < count; i++) {
    await new Promise<void>((resolve) => {
      const socket = connect(of.proxy.port(listener), '127.0.0.1')
      socket.on('error', () => {})
      socket.on('close', () => resolve())
      socket.resume()
      if (request !== undefined) socket.write(request, () => socket.end())
    })
  }
}

/** What is not zero of `outlier_detection.`, and which hosts are in. */
export async function outlierStats(of: CheckedHosts, cluster: string): Promise<Record<string, number>> {
  const stats = await of.proxy.stats(`^cluster\\.${cluster}\\.(outlier_detection|membership_(healthy|degraded|total)$)`)
  const short = [...stats].filter(([, value]) => value > 0).map(([name, value]) => [name.split('.').at(-1), value])
  return Object.fromEntries(short.sort()) as Record<string, number>
}

/** Each line of the cluster in the log of events, without what chance decides. */
export function events(of: CheckedHosts, cluster: string): string[] {
  let text = ''
  try {
    text = readFileSync(join(of.folder, 'events'), 'utf8')
  } catch {
    // Nothing has happened yet.
  }
  const ofCluster = text.split('\n').filter((line) => line.includes(`"cluster_name":"${cluster}"`))
  return ofCluster.map((line) =>
    line
      .replace(/"timestamp":"\d{4}-\d\d-\d\dT[\d:.]{8,12}Z"/, '"timestamp":"T"')
      .replace(/"secs_since_last_action":"\d+"/, '"secs_since_last_action":"S"')
      .replace(/(?<="upstream_url":"127\.0\.0\.\d:)\d+/, 'P'),
  )
}

/** How requests have ended, each way once. */
export function endings(of: CheckedHosts, cluster: string): string[] {
  const lines = readFileSync(join(of.folder, 'requests'), 'utf8').split('\n')
  return [...new Set(lines.filter((line) => line.startsWith(`/${cluster}/`)))].sort()
}

interface HostJson {
  readonly stats?: unknown
  readonly address?: unknown
}

/** All that `/clusters` says of rates and of health, as text and as JSON. */
export async function shown(
  of: CheckedHosts,
  cluster: string,
): Promise<{ readonly text: readonly string[]; readonly json: readonly string[] }> {
  const { body } = await of.proxy.admin(`/clusters?filter=^${cluster}$`)
  const lines = body.split('\n').filter((line) => /::(outlier|health_flags|\w*success_rate)::/.test(line))
  const json = JSON.parse((await of.proxy.admin(`/clusters?filter=^${cluster}$&format=json`)).body) as {
    cluster_statuses: { host_statuses: HostJson[] }[]
  }
  const hosts = ({ stats: _stats, address: _address, ...rest }: HostJson) => rest
  return {
    text: lines.map((line) => line.replace(/127\.0\.0\.1:\d+/, 'host')),
    json: json.cluster_statuses.map((each) =>
      JSON.stringify({ ...each, host_statuses: each.host_statuses.map(hosts) }),
    ),
  }
}
