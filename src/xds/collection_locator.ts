// Locators of collections, such as `xdstp://authority/type/path/*`: which there are, in Envoy's words, and what asks for them.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { formatXdstpName, parseXdstpName, type XdstpName } from './xdstp_name.ts'

type ConfigSource = envoy.config.core.v3.ConfigSource

export interface CollectionLocator {
  readonly locator: string
  /** Where errors point to. */
  readonly at: object
  readonly field?: string
}

/** What a source must be for a collection to come from it. */
export interface CollectionSource {
  readonly source: ConfigSource | undefined
  /** Bare message name of the resources. */
  readonly typeName: string
  readonly isAdsDelta: boolean
}

/** The name that is asked for, with the parameters of the node. Undefined, with an error, where there is no such collection. */
export function collectionName(
  { locator, at, field }: CollectionLocator,
  from: CollectionSource,
  nodeParams: Readonly<Record<string, string>>,
  errors: ConfigErrors,
): string | undefined {
  const found = readLocator(locator, from.typeName)
  const problem = typeof found === 'string' ? found : sourceProblem(from)
  if (typeof found !== 'string' && problem === undefined)
    return formatXdstpName({ ...found, contextParams: { ...nodeParams, ...found.contextParams } })
  errors.add(at, field, problem ?? '')
  return undefined
}

/** Or what is wrong with it. */
function readLocator(locator: string, typeName: string): XdstpName | string {
  if (/^(?:file|http):/.test(locator))
    return `collections by ${locator} are not supported, but those of xdstp: locators`
  let found: XdstpName | undefined
  try {
    found = parseXdstpName(locator)
  } catch (error) {
    return (error as Error).message
  }
  if (found === undefined) return `${locator} does not have a xdstp:, http: or file: scheme`
  if (found.directives !== '') return `directives of a locator (${found.directives}) are not supported`
  if (found.resourceType !== typeName) return `xdstp:// type does not match ${typeName} in ${locator}`
  return found
}

function sourceProblem({ source, isAdsDelta }: CollectionSource): string | undefined {
  if (source?.apiConfigSource !== undefined) {
    const { apiType } = source.apiConfigSource
    return apiType === 'DELTA_GRPC' ? undefined : `Unknown xdstp:// transport API type in api_type: ${apiType}`
  }
  // Envoy asks by the other protocol, too, and makes nothing of the answer; by endpoints it is brought down.
  if (source?.configSourceSpecifier === 'ads')
    return isAdsDelta ? undefined : 'a collection over ADS needs an ads_config of DELTA_GRPC'
  const types = 'Only ADS and gRPC in delta-xDS mode are supported.'
  return `Missing or not supported config source specifier in envoy::config::core::v3::ConfigSource for a collection. ${types}`
}
