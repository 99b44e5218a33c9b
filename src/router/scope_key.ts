// The key that tells which scope's routes a request has: fragments of its headers, by `scope_key_builder`.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { HeaderMap } from '../common/header_map.ts'
import type { ConfigErrors } from '../config/errors.ts'

type ScopedRoutes = envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes
type ScopeKeyBuilder = envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes.ScopeKeyBuilder
type FragmentBuilder = ScopeKeyBuilder['fragments'][number]
type Key = envoy.config.route.v3.ScopedRouteConfiguration['key']

/** Undefined where the headers lack what a fragment needs. */
export type BuildScopeKey = (headers: HeaderMap) => string | undefined
type BuildFragment = (headers: HeaderMap) => string | undefined

/** No header has it. */
const fragmentEnd = '\0'

export function compileScopeKeyBuilder(view: ScopedRoutes, errors: ConfigErrors): BuildScopeKey {
  const fragments = (view.scopeKeyBuilder?.fragments ?? []).map((fragment) => compileFragment(fragment, errors))
  return (headers) => {
    let key = ''
    for (const build of fragments) {
      const fragment = build(headers)
      if (fragment === undefined) return undefined
      key += fragment + fragmentEnd
    }
    return key
  }
}

/** The key of a ScopedRouteConfiguration, as a request's comes out. */
export function scopeKey(key: Key): string {
  return (key?.fragments ?? []).map((fragment) => (fragment.stringKey ?? '') + fragmentEnd).join('')
}

function compileFragment(view: FragmentBuilder, errors: ConfigErrors): BuildFragment {
  const extractor = view.headerValueExtractor
  if (extractor === undefined) {
    errors.add(view, undefined, 'A fragment needs a header_value_extractor')
    return () => undefined
  }
  const { elementSeparator, index, element } = extractor
  const name = extractor.name.toLowerCase()
  // Whoever sends a header twice has only the first count.
  const elements = (headers: HeaderMap): string[] => {
    const value = headers.get(name)
    if (value === undefined) return []
    return elementSeparator === '' ? [value] : value.split(elementSeparator)
  }
  if (element !== undefined) {
    const { separator, key } = element
    return (headers) =>
      elements(headers)
        .find((each) => keyOf(each, separator) === key)
        ?.slice(key.length + separator.length)
  }
  if (index === undefined) errors.add(extractor, undefined, 'HeaderValueExtractor extract_type not set.')
  else if (index > 0 && elementSeparator === '')
    errors.add(extractor, 'index', 'Index > 0 for empty string element separator.')
  return (headers) => elements(headers)[index ?? 0]
}

function keyOf(element: string, separator: string): string {
  const end = element.indexOf(separator)
  return end < 0 ? element : element.slice(0, end)
}
