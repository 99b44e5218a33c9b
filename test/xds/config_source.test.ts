/** What of a source can be wrong, in Envoy's words. */
import { afterEach, describe, expect, it } from 'vitest'
import { ConfigErrors } from '../../src/config/errors.ts'
import { clusterType } from '../../src/xds/resource_types.ts'
import { configSource, grpcApi, portAddress, Receiver, TestClient, xdsCluster } from './support.ts'

const clients: TestClient[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.stop()
})

function newClient(adsConfig?: string): TestClient {
  const cluster = xdsCluster(portAddress(1))
  const client = new TestClient(adsConfig === undefined ? { cluster } : { cluster, adsConfig })
  clients.push(client)
  return client
}

function messages(source: string): string[] {
  const errors = new ConfigErrors()
  const view = configSource(source)
  const client = newClient()
  client.manager.create(view, clusterType, new Receiver(), client.context.scope, view, errors)
  return errors.errors.map(({ message }) => message)
}

const named = 'envoy.config.core.v3.ApiConfigSource'
const service = (cluster: string) => `{envoy_grpc: {cluster_name: ${cluster}}}`

describe('a source', () => {
  it.each([
    [
      `{api_type: GRPC, grpc_services: [${service('nope')}]}`,
      `${named} must have a statically defined non-EDS cluster: 'nope' does not exist, was added via api, or is an EDS cluster`,
    ],
    [`{api_type: GRPC}`, 'API configs must have either a gRPC service or a cluster name defined'],
    [
      `{api_type: GRPC, cluster_names: [xds]}`,
      `${named}::(AGGREGATED_)(DELTA_)GRPC must not have a cluster name specified`,
    ],
    [
      `{api_type: GRPC, grpc_services: [${service('xds')}, ${service('xds')}]}`,
      `${named}::(AGGREGATED_)(DELTA_)GRPC must have no more than 1 gRPC services specified`,
    ],
    [`{api_type: REST, cluster_names: [xds]}`, 'refresh_delay is required for REST API configuration sources'],
    [
      `{api_type: REST, cluster_names: [xds, xds], refresh_delay: 1s}`,
      `${named} must have a singleton cluster name specified`,
    ],
    [
      `{api_type: REST, cluster_names: [xds], refresh_delay: 1s, grpc_services: [${service('xds')}]}`,
      `${named}, if not a gRPC type, must not have a gRPC service specified`,
    ],
    [`{api_type: AGGREGATED_GRPC, grpc_services: [${service('xds')}]}`, 'Unsupported config source AGGREGATED_GRPC'],
    [
      `{api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: xds, retry_policy: {retry_back_off: {base_interval: 0.5s, max_interval: 0.1s}}}}]}`,
      'max_interval must be greater than or equal to the base_interval',
    ],
  ])('%s', (api, message) => {
    expect(messages(`{api_config_source: ${api}}`)).toEqual([message])
  })

  it('must say where from', () => {
    expect(messages('{self: {}}')).toEqual(['Missing config source specifier in envoy::config::core::v3::ConfigSource'])
  })

  it.each([
    ['{api_type: REST, cluster_names: [xds], refresh_delay: 1s}', `${named} type must be of non-aggregated gRPC`],
    [`{api_type: AGGREGATED_GRPC, grpc_services: [${service('xds')}]}`, `${named} type must be of non-aggregated gRPC`],
    [`{api_type: GRPC, grpc_services: [${service('nope')}]}`, "Unknown gRPC client cluster 'nope'"],
    [grpcApi('GRPC'), undefined],
  ])('of all: %s', (api, message) => {
    const { errors } = newClient(api)
    expect(errors.errors.map((issue) => issue.message)).toEqual(message === undefined ? [] : [message])
  })
})
