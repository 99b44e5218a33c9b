// Which cluster a route's requests go to: a fixed one, one that a header or an extension names, or one by weight.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import { utf8ByteString } from '../../common/string_matcher.ts'
import type { RouteContext } from '../../http/factory.ts'
import type { ForwardRoute } from '../../http/route.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import { compileRequestHeaderParser, compileResponseHeaderParser } from '../header_parser.ts'
import { checkClusterExists } from './check_cluster.ts'
import { type ClusterSpecifier, compileClusterSpecifier } from './cluster_specifier.ts'
import { ForwardRouteEntry, type ForwardSettings, type WeightedSettings } from './forward_route.ts'
import { compilePerFilterConfigs } from './per_filter_config.ts'

type RouteAction = envoy.config.route.v3.RouteAction
type WeightedCluster = envoy.config.route.v3.WeightedCluster
type ClusterWeight = envoy.config.route.v3.WeightedCluster.ClusterWeight

export type ChooseCluster = (headers: HeaderMap, streamInfo: StreamInfo, random: number) => ForwardRoute

/** Undefined where the configuration is wrong (the reason is in `context.errors`), or names an optional extension that is not there. */
export function compileClusterChoice(
  view: RouteAction,
  settings: ForwardSettings,
  context: RouteContext,
): ChooseCluster | ForwardRoute | undefined {
  const { errors } = context
  switch (view.clusterSpecifier) {
    case 'cluster': {
      const name = view.cluster!
      if (validatesClusters(settings)) checkClusterExists(name, 'unknown cluster', view, 'cluster', context)
      return new ForwardRouteEntry(settings, name, undefined)
    }
    case 'clusterHeader':
      return clusterOfHeader(settings, view.clusterHeader!.toLowerCase(), undefined)
    case 'weightedClusters':
      return compileWeightedClusters(view.weightedClusters!, settings, context)
    case 'clusterSpecifierPlugin': {
      const name = view.clusterSpecifierPlugin ?? ''
      const { clusterSpecifiers } = settings.route.virtualHost.routeConfig
      if (!clusterSpecifiers.has(name)) {
        const text = `Unknown cluster specifier plugin name: ${name} is used in the route`
        errors.add(view, 'clusterSpecifierPlugin', text)
      }
      return clusterOfSpecifier(settings, clusterSpecifiers.get(name))
    }
    case 'inlineClusterSpecifierPlugin':
      return clusterOfSpecifier(settings, compileClusterSpecifier(view.inlineClusterSpecifierPlugin!, context))
    default:
      errors.add(view, undefined, 'field: "cluster_specifier", reason: is required')
      return undefined
  }
}

function validatesClusters({ route }: ForwardSettings): boolean {
  return route.virtualHost.routeConfig.validateClusters
}

function clusterOfHeader(
  settings: ForwardSettings,
  name: string,
  weighted: WeightedSettings | undefined,
): ChooseCluster {
  return (headers) => new ForwardRouteEntry(settings, headers.get(name) ?? '', weighted)
}

function clusterOfSpecifier(
  settings: ForwardSettings,
  specifier: ClusterSpecifier | undefined,
): ChooseCluster | undefined {
  if (specifier === undefined) return undefined
  return (headers, streamInfo) => new ForwardRouteEntry(settings, specifier(headers, streamInfo), undefined)
}

interface WeightedEntry {
  readonly weight: number
  /** For runtime_key_prefix: `<prefix>.<cluster>`. */
  readonly runtimeKey: string
  readonly choose: ChooseCluster | ForwardRoute
}

function compileWeightedClusters(
  view: WeightedCluster,
  settings: ForwardSettings,
  context: RouteContext,
): ChooseCluster | undefined {
  const entries = view.clusters.flatMap((cluster) => compileWeight(cluster, view.runtimeKeyPrefix, settings, context))
  if (entries.length === 0) return undefined
  const total = entries.reduce((sum, { weight }) => sum + weight, 0)
  const { errors } = context
  if (total === 0) errors.add(view, 'clusters', 'Sum of weights in the weighted_cluster must be greater than 0.')
  if (total > 0xffff_ffff) {
    errors.add(view, 'clusters', 'The sum of weights of all weighted clusters of route exceeds 4294967295')
  }
  const value = selectionValue(view, settings)
  const { runtime } = context
  const hasRuntimeKeys = view.runtimeKeyPrefix !== ''
  return (headers, streamInfo, random) => {
    const weightOf = (entry: WeightedEntry) =>
      hasRuntimeKeys ? runtime.getInteger(entry.runtimeKey, entry.weight) : entry.weight
    const sum = hasRuntimeKeys ? entries.reduce((all, entry) => all + weightOf(entry), 0) : total
    const chosen = pick(entries, weightOf, value(headers, streamInfo, random, sum))
    return typeof chosen.choose === 'function' ? chosen.choose(headers, streamInfo, random) : chosen.choose
  }
}

/** `value` is below the sum of weights; with a sum of 0 the last entry is taken. */
function pick(
  entries: readonly WeightedEntry[],
  weightOf: (entry: WeightedEntry) => number,
  value: number,
): WeightedEntry {
  let end = 0
  for (const entry of entries) {
    end += weightOf(entry)
    if (value < end) return entry
  }
  return entries[entries.length - 1]
}

/** The number that selects, reduced to the sum of weights: from a header, from the hash policies, or random. */
function selectionValue(
  view: WeightedCluster,
  settings: ForwardSettings,
): (headers: HeaderMap, streamInfo: StreamInfo, random: number, sum: number) => number {
  if (view.randomValueSpecifier === 'headerName') {
    const name = (view.headerName ?? '').toLowerCase()
    return (headers, _streamInfo, random, sum) => {
      const value = unsigned64(headers.get(name))
      return value === undefined ? random % sum : Number(value % BigInt(Math.max(1, sum)))
    }
  }
  const { requestHash } = settings
  if (view.useHashPolicy === true && requestHash !== undefined) {
    return (headers, streamInfo, random, sum) => {
      const hash = requestHash(headers, streamInfo)
      return hash === undefined ? random % sum : Number(hash % BigInt(Math.max(1, sum)))
    }
  }
  return (_headers, _streamInfo, random, sum) => random % sum
}

const largestUnsigned64 = 0xffff_ffff_ffff_ffffn

function unsigned64(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^\+?\d{1,20}$/.test(text)) return undefined
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text)
  return value > largestUnsigned64 ? undefined : value
}

function compileWeight(
  view: ClusterWeight,
  runtimeKeyPrefix: string,
  settings: ForwardSettings,
  context: RouteContext,
): WeightedEntry[] {
  const { errors } = context
  if (view.name !== '' && view.clusterHeader !== '') {
    errors.add(view, 'clusterHeader', 'Only one of name or cluster_header can be specified')
    return []
  }
  if (view.name === '' && view.clusterHeader === '') {
    errors.add(view, undefined, 'At least one of name or cluster_header need to be specified')
    return []
  }
  if (view.weight === undefined) {
    errors.add(view, 'weight', "Field 'weight' is missing")
    return []
  }
  const weighted = compileWeightedSettings(view, settings, context)
  const runtimeKey = `${runtimeKeyPrefix}.${view.name}`
  if (view.clusterHeader !== '') {
    const choose = clusterOfHeader(settings, view.clusterHeader.toLowerCase(), weighted)
    return [{ weight: view.weight, runtimeKey, choose }]
  }
  if (validatesClusters(settings)) checkClusterExists(view.name, 'unknown weighted cluster', view, 'name', context)
  return [{ weight: view.weight, runtimeKey, choose: new ForwardRouteEntry(settings, view.name, weighted) }]
}

function compileWeightedSettings(
  view: ClusterWeight,
  settings: ForwardSettings,
  context: RouteContext,
): WeightedSettings {
  const own = view.metadataMatch?.filterMetadata['envoy.lb']
  return {
    metadataMatch: own === undefined ? settings.metadataMatch : { ...settings.metadataMatch, ...own },
    perFilter: compilePerFilterConfigs(view, settings.route.perFilter, context),
    requestHeaders: compileRequestHeaderParser(view, context.errors),
    responseHeaders: compileResponseHeaderParser(view, context.errors),
    hostRewriteLiteral: utf8ByteString(view.hostRewriteLiteral ?? ''),
  }
}
