// typed_per_filter_config of the levels of a route: which filter has which settings, and where it is switched off.

import type { envoy, TypedConfig } from '../../../proto/generated/api.d.ts'
import { absenceNote } from '../../config/registry.ts'
import type { HttpFilterFactory, RouteContext } from '../../http/factory.ts'

type FilterConfig = envoy.config.route.v3.FilterConfig

interface Entry {
  /** Undefined for an entry that only says `disabled`. */
  readonly config: unknown
  readonly disabled: boolean
}

/** One level (weighted cluster, route, virtual host, route configuration) with the levels around it. */
export class PerFilterConfigs {
  readonly #entries: ReadonlyMap<string, Entry>
  readonly #outer: PerFilterConfigs | undefined

  constructor(entries: ReadonlyMap<string, Entry>, outer: PerFilterConfigs | undefined) {
    this.#entries = entries
    this.#outer = outer
  }

  mostSpecific(filterName: string): unknown {
    const entry = this.#entries.get(filterName)
    if (entry?.config !== undefined) return entry.config
    return this.#outer?.mostSpecific(filterName)
  }

  /** Least specific first. */
  all(filterName: string): readonly unknown[] {
    const outer = this.#outer?.all(filterName) ?? none
    const config = this.#entries.get(filterName)?.config
    return config === undefined ? outer : [...outer, config]
  }

  /** What the most specific level that mentions the filter says; undefined where none does. */
  disabled(filterName: string): boolean | undefined {
    const entry = this.#entries.get(filterName)
    return entry === undefined ? this.#outer?.disabled(filterName) : entry.disabled
  }
}

const none: readonly unknown[] = []
export const noPerFilterConfigs = new PerFilterConfigs(new Map(), undefined)

interface View {
  readonly typedPerFilterConfig: Readonly<Record<string, TypedConfig>>
}

const olderCors = 'envoy.config.route.v3.CorsPolicy'
const corsType = 'envoy.extensions.filters.http.cors.v3.CorsPolicy'

/**
 * Compiles a level; one without entries is the level around it. What is wrong goes to `context.errors`.
 *
 * @param cors the level's older `cors` field, kept under its type's name: the cors filter asks for it by that
 */
export function compilePerFilterConfigs(
  view: View,
  outer: PerFilterConfigs,
  context: RouteContext,
  cors?: envoy.config.route.v3.CorsPolicy,
): PerFilterConfigs {
  const names = Object.keys(view.typedPerFilterConfig)
  if (names.length === 0 && cors === undefined) return outer
  const entries = new Map<string, Entry>()
  if (cors !== undefined) {
    const factory = context.registry.lookupRouteType<HttpFilterFactory>('envoy.filters.http', corsType)
    entries.set(olderCors, { config: factory?.createRouteSpecificConfig?.(cors, context), disabled: false })
  }
  for (const name of names) {
    const entry = compileEntry(view, name, view.typedPerFilterConfig[name], context)
    if (entry !== undefined) entries.set(name, entry)
  }
  return new PerFilterConfigs(entries, outer)
}

function compileEntry(view: View, name: string, typed: TypedConfig, context: RouteContext): Entry | undefined {
  if (typed.typeUrl !== 'envoy.config.route.v3.FilterConfig') return compileConfig(view, name, typed, false, context)
  const wrapper = typed.value as FilterConfig
  if (wrapper.disabled) return { config: undefined, disabled: true }
  if (wrapper.config === undefined) {
    const message = `Empty route/virtual host per filter configuration for ${name} filter`
    context.errors.add(view, 'typedPerFilterConfig', message, { index: name })
    return undefined
  }
  return compileConfig(view, name, wrapper.config, wrapper.isOptional, context)
}

function compileConfig(
  view: View,
  name: string,
  typed: TypedConfig,
  isOptional: boolean,
  context: RouteContext,
): Entry | undefined {
  const { registry, errors } = context
  const factory = registry.lookupRouteType<HttpFilterFactory>('envoy.filters.http', typed.typeUrl)
  if (factory?.createRouteSpecificConfig !== undefined) {
    return { config: factory.createRouteSpecificConfig(typed.value, context), disabled: false }
  }
  const known = registry
    .inCategory<HttpFilterFactory>('envoy.filters.http')
    .some((candidate) => candidate.typeUrls.includes(typed.typeUrl))
  const message = known
    ? `The filter ${name} doesn't support virtual host or route specific configurations`
    : `Didn't find a registered implementation for '${name}' with type URL: '${typed.typeUrl}'${absenceNote(typed.typeUrl)}`
  if (isOptional) errors.warn(view, 'typedPerFilterConfig', `${message}: the entry is left out`, { index: name })
  else errors.add(view, 'typedPerFilterConfig', message, { index: name })
  return undefined
}
