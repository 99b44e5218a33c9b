import { describe, expect, test } from 'vitest'
import type { TypedConfig } from '../../proto/generated/api.d.ts'
import { cluster, connectionManager, errorsOf, firstCluster, load } from './loading.ts'

const routerType = 'envoy.extensions.filters.http.router.v3.Router'

function filters(typedConfig: string): string {
  return connectionManager(`http_filters: [{name: r, typed_config: ${typedConfig}}]`)
}

function filterConfig(typedConfig: string): TypedConfig {
  const { bootstrap, errors } = load(filters(typedConfig))
  expect(errors).toEqual([])
  const manager = bootstrap!.staticResources!.listeners[0].filterChains[0].filters[0].typedConfig!.value
  return (manager as { httpFilters: { typedConfig: TypedConfig }[] }).httpFilters[0].typedConfig
}

describe('typed_config', () => {
  test('has the bare name of its type and the view of the inner message', () => {
    const config = filterConfig(`{"@type": type.googleapis.com/${routerType}, suppress_envoy_headers: true}`)
    expect(config.typeUrl).toBe(routerType)
    expect(config.value).toMatchObject({ suppressEnvoyHeaders: true, strictCheckHeaders: [] })
  })

  test('takes any host before the type name', () => {
    expect(filterConfig(`{"@type": example.com/${routerType}}`).typeUrl).toBe(routerType)
  })

  test.each([routerType, `/${routerType}`])('refuses the type %s for want of a host', (type) => {
    expect(errorsOf(filters(`{"@type": ${type}}`))).toEqual(['@type must contain at least one / and a nonempty host'])
  })

  test('of an unknown type is refused with the nearest one', () => {
    const { errors } = load(filters(`{"@type": type.googleapis.com/${routerType}r}`))
    expect(errors.map((issue) => [issue.message, issue.suggestion])).toEqual([
      [`could not find @type 'type.googleapis.com/${routerType}r'`, `type.googleapis.com/${routerType}`],
    ])
  })

  test('without a type may only be empty, and says so by an empty type', () => {
    expect(filterConfig('{}').typeUrl).toBe('')
    expect(errorsOf(filters('{a: 1}'))).toEqual(['missing "@type" (only an empty map may lack it)'])
  })

  test.each(['udpa.type.v1.TypedStruct', 'xds.type.v3.TypedStruct'])('unwraps %s', (struct) => {
    for (const url of [routerType, `type.googleapis.com/${routerType}`]) {
      const config = filterConfig(
        `{"@type": type.googleapis.com/${struct}, type_url: ${url}, value: {dynamicStats: "1", strict_check_headers: x-envoy-retry-on}}`,
      )
      expect(config.typeUrl).toBe(routerType)
      expect(config.value).toMatchObject({ dynamicStats: true, strictCheckHeaders: ['x-envoy-retry-on'] })
    }
  })

  test('in a TypedStruct is checked against the inner type', () => {
    const yaml = filters(
      `{"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: ${routerType}, value: {foo: 1}}`,
    )
    expect(errorsOf(yaml)).toEqual([`unknown field 'foo' in ${routerType}`])
  })

  test('in a TypedStruct of an unknown type stays plain JSON for its user to refuse', () => {
    const config = filterConfig(
      '{"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: foo.Bar, value: {a: [1]}}',
    )
    expect(config).toEqual({ typeUrl: 'foo.Bar', value: { a: [1] } })
  })

  test('holds well-known types under the key "value"', () => {
    const metadata = (fields: string): unknown => {
      const view = firstCluster(
        cluster(`metadata: {typed_filter_metadata: {x: {"@type": type.googleapis.com/google.protobuf.${fields}}}}`),
      )
      return view.metadata!.typedFilterMetadata['x'].value
    }
    expect(metadata('StringValue, value: "yes"')).toBe('yes')
    expect(metadata('StringValue')).toBe('')
    expect(metadata('Duration, value: 1s')).toBe(1000)
    expect(metadata('Struct, value: {a: [1]}')).toEqual({ a: [1] })
  })
})
