import { describe, expect, test } from 'vitest'
import type { TypedConfig } from '../../proto/generated/api.d.ts'
import { type ExtensionFactory, ExtensionRegistry } from '../../src/config/registry.ts'
import { connectionManager, load } from './loading.ts'

const category = 'envoy.filters.http'
const routerType = 'envoy.extensions.filters.http.router.v3.Router'
const router: ExtensionFactory = { category, name: 'envoy.filters.http.router', typeUrls: [routerType] }
const cors: ExtensionFactory = {
  category,
  name: 'envoy.filters.http.cors',
  typeUrls: ['envoy.extensions.filters.http.cors.v3.Cors'],
  routeTypeUrls: ['envoy.extensions.filters.http.cors.v3.CorsPolicy'],
}

function registryOf(...factories: ExtensionFactory[]): ExtensionRegistry {
  const registry = new ExtensionRegistry()
  for (const factory of factories) registry.register(factory)
  return registry
}

/** Looks up the one HTTP filter of a configuration. */
function lookUp(filter: string, isOptional = false) {
  const { bootstrap, issues } = load(connectionManager(`http_filters: [${filter}]`))
  expect(issues.errors).toEqual([])
  const manager = bootstrap!.staticResources!.listeners[0].filterChains[0].filters[0].typedConfig!.value
  const view = (manager as { httpFilters: { name: string; typedConfig: TypedConfig | undefined }[] }).httpFilters[0]
  const found = registryOf(router, cors).lookup(category, view, issues, isOptional)
  return { found, errors: issues.errors, warnings: issues.warnings }
}

describe('an extension is found', () => {
  test('by its type, whatever its name', () => {
    expect(lookUp(`{name: foo, typed_config: {"@type": type.googleapis.com/${routerType}}}`).found).toBe(router)
  })

  test('for its per-route settings by their type', () => {
    const registry = registryOf(router, cors)
    expect(registry.lookupRouteType(category, 'envoy.extensions.filters.http.cors.v3.CorsPolicy')).toBe(cors)
    expect(registry.lookupRouteType(category, routerType)).toBeUndefined()
  })

  test('by name only where code asks', () => {
    expect(registryOf(router, cors).byName(category, 'envoy.filters.http.cors')).toBe(cors)
    expect(registryOf(router, cors).inCategory(category)).toEqual([router, cors])
    expect(registryOf(router).inCategory('envoy.access_loggers')).toEqual([])
  })
})

describe('an extension is refused', () => {
  test.each(['{name: envoy.filters.http.router}', '{name: envoy.filters.http.router, typed_config: {}}'])(
    'without a type: %s',
    (filter) => {
      const { found, errors } = lookUp(filter)
      expect(found).toBeUndefined()
      expect(errors).toHaveLength(1)
      expect(errors[0].message).toMatch(
        /^Didn't find a registered implementation for 'envoy.filters.http.router' with type URL: ''/,
      )
      expect(errors[0].suggestion).toBe(`type.googleapis.com/${routerType}`)
      expect(errors[0].line).toBe(7)
    },
  )

  test('that Envoy has and the registry lacks, with the list of what there is', () => {
    const { errors } = lookUp(
      '{name: w, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm}}',
    )
    expect(errors).toMatchObject([
      {
        message: expect.stringMatching(
          /^Didn't find .* 'w' with type URL: 'envoy.extensions.filters.http.wasm.v3.Wasm' \(Envoy has/,
        ),
        expected: `one of ${cors.typeUrls[0]}, ${routerType}`,
      },
    ])
  })

  test('that is no extension, or is unknown inside a TypedStruct', () => {
    const node = lookUp('{name: node, typed_config: {"@type": type.googleapis.com/envoy.config.core.v3.Node}}')
    expect(node.errors[0].message).toBe(
      "Didn't find a registered implementation for 'node' with type URL: 'envoy.config.core.v3.Node'",
    )
    const struct = lookUp(
      `{name: s, typed_config: {"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: ${routerType}s}}`,
    )
    expect(struct.errors[0].suggestion).toBe(routerType)
  })

  test('unless it is optional: then a warning names it', () => {
    const { found, errors, warnings } = lookUp(
      '{name: w, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm}}',
      true,
    )
    expect([found, errors]).toEqual([undefined, []])
    expect(warnings[0].message).toMatch(/optional extension w/)
  })
})

test('names and types are registered once in a category', () => {
  expect(() => registryOf(router, { ...router, typeUrls: [] })).toThrow(
    "Double registration for name: 'envoy.filters.http.router'",
  )
  expect(() => registryOf(router, { ...router, name: 'other' })).toThrow(
    /Double registration for type: '.*Router' by 'other' and 'envoy/,
  )
  expect(registryOf(router, { ...router, category: 'envoy.filters.http.upstream' }).factories()).toHaveLength(2)
})
