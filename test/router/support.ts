// Route tables from YAML, and requests to ask them, for the tests of this folder.

import type { envoy } from '../../proto/generated/api.d.ts'
import { HeaderMap } from '../../src/common/header_map.ts'
import { SourceText } from '../../src/config/config_node.ts'
import { ConfigErrors } from '../../src/config/errors.ts'
import type { ExtensionFactory } from '../../src/config/registry.ts'
import type { RuntimeValue } from '../../src/config/runtime.ts'
import { messageSchema } from '../../src/config/schema.ts'
import { ViewReader } from '../../src/config/view_reader.ts'
import { parseYaml } from '../../src/config/yaml_source.ts'
import { roundRobin } from '../../src/extensions/load_balancing_policies/round_robin/config.ts'
import { createAsyncGrpcClient } from '../../src/grpc/async_grpc_client.ts'
import type { Route, RouteConfig } from '../../src/http/route.ts'
import { compileRouteConfig } from '../../src/router/route_config/route_config.ts'
import type { StreamInfo } from '../../src/stream_info/stream_info.ts'
import { buildCluster } from '../../src/upstream/build_cluster.ts'
import { ClusterManager } from '../../src/upstream/cluster_manager.ts'
import type { ServerContext } from '../../src/upstream/server_context.ts'
import { streamInfo } from '../access_log/support.ts'
import { testContext } from '../network/support.ts'
import { unresolvedDnsCaches } from '../support/dns_caches.ts'

export interface TableOptions {
  readonly runtime?: Readonly<Record<string, RuntimeValue>>
  readonly extensions?: readonly ExtensionFactory[]
}

export interface Table {
  readonly config: RouteConfig
  readonly context: ServerContext
  /** Errors of the compilation: `line: message`. */
  readonly errors: string[]
  readonly warnings: string[]
}

export function serverContext(options: TableOptions = {}): ServerContext & { errors: ConfigErrors } {
  const base = testContext({ extensions: [roundRobin, ...(options.extensions ?? [])], runtime: options.runtime ?? {} })
  return {
    ...base,
    clusterManager: new ClusterManager(),
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

/** Reads a message of Envoy's API from YAML; throws where it does not fit the schema. */
export function viewOf<T>(typeName: string, yaml: string): T {
  const errors = new ConfigErrors()
  const schema = messageSchema(typeName)
  if (schema === undefined) throw new Error(`no message ${typeName}`)
  const view = new ViewReader(errors, false).readDocument(schema, parseYaml(new SourceText('routes.yaml', yaml)))
  if (errors.hasErrors) throw new Error(errors.errors.map(({ message }) => message).join('\n'))
  return view as T
}

/** Compiles a RouteConfiguration over the clusters c, d and e. */
export function routeTable(yaml: string, options: TableOptions = {}): Table {
  const context = serverContext(options)
  for (const name of ['c', 'd', 'e']) {
    const cluster = `{name: ${name}, type: STATIC, connect_timeout: 1s, load_assignment: {cluster_name: ${name}}}`
    context.clusterManager.put(buildCluster(viewOf('envoy.config.cluster.v3.Cluster', cluster), context))
  }
  const view = viewOf<envoy.config.route.v3.RouteConfiguration>('envoy.config.route.v3.RouteConfiguration', yaml)
  let sharedNames = 0
  const named = Object.assign(Object.create(context) as typeof context, { sharedName: () => `${sharedNames++}` })
  const config = compileRouteConfig(view, named)
  const describe = ({ line, message }: { line: number; message: string }) => `${line}: ${message}`
  return {
    config,
    context,
    errors: context.errors.errors.map(describe),
    warnings: context.errors.warnings.map(describe),
  }
}

/** A table of one virtual host for all domains; throws where the configuration is wrong. */
export function routesOf(routes: string, rest = ''): RouteConfig {
  const table = routeTable(`virtual_hosts: [{name: v, domains: ['*'], routes: [${routes}], ${rest}}]`)
  if (table.errors.length > 0) throw new Error(table.errors.join('\n'))
  return table.config
}

/** A route that answers with a name. */
export function answer(match: string, name: string): string {
  return `{match: {${match}}, direct_response: {status: 200, body: {inline_string: '${name}'}}}`
}

/** `GET /path` and header lines; the host is h.test unless a line says otherwise. */
export function request(line: string, ...headers: string[]): HeaderMap {
  const [method, path] = line.split(' ')
  const map = new HeaderMap()
  map.method = method
  map.path = path === '-' ? '' : path
  map.scheme = 'http'
  map.authority = 'h.test'
  for (const header of headers) {
    const colon = header.indexOf(':', 1)
    const name = header.slice(0, colon)
    const value = header.slice(colon + 1).trim()
    if (name.startsWith(':') || name === 'host') map.set(name, value)
    else map.add(name, value)
  }
  if (!map.has('x-forwarded-proto')) map.add('x-forwarded-proto', 'http')
  return map
}

export function find(
  config: RouteConfig,
  headers: HeaderMap,
  random = 0,
  info: StreamInfo = streamInfo(),
): Route | undefined {
  return config.route(headers, info, random)
}

/** What comes of a request: `no route`, a cluster's name, a direct response's body, or a redirect's status and location. */
export function outcome(config: RouteConfig, headers: HeaderMap, random = 0): string {
  const info = streamInfo()
  const route = find(config, headers, random, info)
  if (route === undefined) return 'no route'
  if (route.kind === 'forward') return `cluster ${route.clusterName}`
  if (route.kind === 'nonForwarding') return 'non forwarding'
  const location = route.location(headers, info)
  return location === '' ? route.body() : `${route.status} ${location}`
}

/** The request as it goes upstream: its path, host and headers, in order. */
export function forwarded(config: RouteConfig, headers: HeaderMap, random = 0): string[] {
  const info = streamInfo()
  const route = find(config, headers, random, info)
  if (route?.kind !== 'forward') throw new Error(`not forwarded: ${route?.kind}`)
  route.finalizeRequestHeaders(headers, info, true)
  return [headers.path, headers.authority, ...listed(headers)]
}

export function listed(headers: HeaderMap): string[] {
  return headers.names
    .map((name, i) => `${name}: ${headers.values[i]}`)
    .filter((line) => line !== 'x-forwarded-proto: http')
}
