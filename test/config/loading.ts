// Shared by the tests of this folder: loads bootstrap text and gives what the assertions look at.
import { type LoadedBootstrap, type LoadOptions, loadBootstrap } from '../../src/config/load.ts'

export function load(configYaml: string, options: LoadOptions = {}): LoadedBootstrap {
  return loadBootstrap({ ...options, configYaml })
}

export function errorsOf(configYaml: string, options: LoadOptions = {}): string[] {
  return load(configYaml, options).errors.map((issue) => issue.message)
}

/** A bootstrap with one cluster of these further fields. */
export function cluster(fields: string): string {
  return `static_resources:\n  clusters:\n  - name: c\n    ${fields}\n`
}

export function firstCluster(configYaml: string) {
  const { bootstrap, errors } = load(configYaml)
  if (errors.length > 0) throw new Error(errors.map((issue) => issue.message).join('; '))
  return bootstrap!.staticResources!.clusters[0]
}

export const hcmType = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'

/** A bootstrap with one listener whose connection manager has these further fields, in flow style. */
export function connectionManager(fields: string): string {
  const routes = fields.includes('route_config') ? '' : 'route_config: {}, '
  return `static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config: {"@type": type.googleapis.com/${hcmType}, stat_prefix: x, ${routes}${fields}}
`
}
