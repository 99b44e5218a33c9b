// Where `xdstp://` names come from by their authority: `config_sources` and `default_config_source` of the bootstrap.

import type { ConfigErrors } from '../config/errors.ts'
import type { ApiConfigSource } from './config_source.ts'
import type { GrpcMux } from './grpc_mux.ts'
import { clusterLoadAssignmentType, routeConfigurationType } from './resource_types.ts'
import type { ConfigSource } from './subscription.ts'
import { parseXdstpName } from './xdstp_name.ts'

/** False by default, as in Envoy 1.40: the streams are open then, and nothing is asked of them. */
export const authoritiesFlag = 'envoy.reloadable_features.xdstp_based_config_singleton_subscriptions'

/** The only ones that Envoy 1.40 finds so. */
const typesByAuthority: ReadonlySet<string> = new Set([clusterLoadAssignmentType, routeConfigurationType])

/** What the bootstrap says of sources that many share. */
export interface SharedSources {
  readonly adsConfig: ApiConfigSource | undefined
  readonly configSources: readonly ConfigSource[]
  readonly defaultConfigSource: ConfigSource | undefined
}

export interface AuthoritySource {
  readonly source: ConfigSource
  /** Where an authority stands in two sources the first counts. */
  readonly authorities: ReadonlySet<string>
  /** For names that no other is for. */
  readonly isDefault: boolean
  readonly mux: GrpcMux
}

/** What is wrong with them goes to `errors`. */
export function createAuthoritySources(
  { configSources, defaultConfigSource }: Omit<SharedSources, 'adsConfig'>,
  createMux: (api: ApiConfigSource) => GrpcMux | undefined,
  errors: ConfigErrors,
): AuthoritySource[] {
  const all = defaultConfigSource === undefined ? configSources : [...configSources, defaultConfigSource]
  return all.flatMap((source) => {
    const isDefault = source === defaultConfigSource
    const api = checkedApi(source, isDefault, errors)
    const mux = api && createMux(api)
    const authorities = new Set(source.authorities.map(({ name }) => name))
    return mux === undefined ? [] : [{ source, authorities, isDefault, mux }]
  })
}

function checkedApi(source: ConfigSource, isDefault: boolean, errors: ConfigErrors): ApiConfigSource | undefined {
  const before = errors.errors.length
  const names = source.authorities.map(({ name }) => name)
  if (!isDefault && names.length === 0)
    errors.add(source, 'authorities', 'xdstp-based non-default config source must have at least one authority.')
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    const text = `xdstp-based config source authority ${twice} is configured more than once in an xdstp-based config source.`
    errors.add(source, 'authorities', text)
  }
  const api = source.apiConfigSource
  if (api === undefined)
    errors.add(source, undefined, 'Only api_config_source type is currently supported for xdstp-based config sources.')
  else if (!api.apiType.startsWith('AGGREGATED')) {
    const types = 'only supports AGGREGATED_GRPC and AGGREGATED_DELTA_GRPC types.'
    errors.add(api, 'apiType', `xdstp-based config source authority ${types}`)
  }
  return errors.errors.length > before ? undefined : api
}

/** Undefined where the name's own source is asked. Throws where the name is malformed. */
export function findAuthoritySource(
  sources: readonly AuthoritySource[],
  typeName: string,
  name: string,
): AuthoritySource | undefined {
  const parsed = typesByAuthority.has(typeName) ? parseXdstpName(name) : undefined
  if (parsed === undefined) return undefined
  return sources.find(({ authorities }) => authorities.has(parsed.authority)) ?? sources.find((each) => each.isDefault)
}
