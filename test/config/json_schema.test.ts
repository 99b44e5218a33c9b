import { describe, expect, test } from 'vitest'
import type { JsonObject, JsonValue } from '../../proto/generated/api.d.ts'
import { bootstrapJsonSchema } from '../../src/config/json_schema.ts'
import { hcmType } from './loading.ts'

const schema = bootstrapJsonSchema()
const definitions = schema['$defs'] as Record<string, JsonObject>

/** The few keywords that the schema uses: enough to check values against it. */
function accepts(part: JsonValue, value: JsonValue): boolean {
  if (part === true) return true
  const rules = part as JsonObject
  const ref = rules['$ref'] as string | undefined
  if (ref !== undefined && !accepts(definitions[ref.slice('#/$defs/'.length)], value)) return false
  if (rules['anyOf'] !== undefined && !(rules['anyOf'] as JsonValue[]).some((branch) => accepts(branch, value)))
    return false
  if (rules['type'] !== undefined && ![rules['type']].flat().includes(typeOf(value, [rules['type']].flat())))
    return false
  if (rules['const'] !== undefined && rules['const'] !== value) return false
  if (rules['enum'] !== undefined && !(rules['enum'] as JsonValue[]).includes(value)) return false
  if (
    typeof value === 'string' &&
    rules['pattern'] !== undefined &&
    !new RegExp(rules['pattern'] as string, 'u').test(value)
  )
    return false
  if (typeof value === 'string' && value.length < Number(rules['minLength'] ?? 0)) return false
  if (typeof value === 'number' && value > Number(rules['maximum'] ?? Number.POSITIVE_INFINITY)) return false
  if (Array.isArray(value)) return rules['items'] === undefined || value.every((item) => accepts(rules['items'], item))
  if (typeof value === 'object' && value !== null) return acceptsObject(rules, value)
  return true
}

function acceptsObject(rules: JsonObject, value: JsonObject): boolean {
  const properties = (rules['properties'] ?? {}) as JsonObject
  for (const name of (rules['required'] ?? []) as string[]) if (value[name] === undefined) return false
  for (const [name, item] of Object.entries(value)) {
    const known = properties[name] ?? rules['additionalProperties'] ?? true
    if (known === false || !accepts(known, item)) return false
  }
  return ((rules['allOf'] ?? []) as JsonObject[]).every(
    (branch) => !accepts(branch['if'], value) || accepts(branch['then'], value),
  )
}

function typeOf(value: JsonValue, wanted: JsonValue[]): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) && wanted.includes('integer') ? 'integer' : typeof value
}

function withCluster(fields: JsonObject): JsonObject {
  return { static_resources: { clusters: [{ name: 'c', ...fields }] } }
}

function withManager(fields: JsonObject): JsonObject {
  const typedConfig = { '@type': `type.googleapis.com/${hcmType}`, stat_prefix: 'x', ...fields }
  return {
    static_resources: { listeners: [{ filter_chains: [{ filters: [{ name: 'h', typed_config: typedConfig }] }] }] },
  }
}

describe('the JSON schema of the bootstrap', () => {
  test('has every reference it makes', () => {
    const references = [...JSON.stringify(schema).matchAll(/"\$ref":"#\/\$defs\/([^"]+)"/g)].map((match) => match[1])
    expect(references.length).toBeGreaterThan(1000)
    expect(references.filter((name) => definitions[name] === undefined)).toEqual([])
  })

  test.each([
    ['both spellings', withCluster({ connectTimeout: '1s', lb_policy: 'RANDOM' })],
    ['enums in any letter case', withCluster({ type: 'strict_dns' })],
    ['one value for a list', { static_resources: { clusters: { name: 'c' } } }],
    ['quoted numbers', withCluster({ per_connection_buffer_limit_bytes: '80' })],
    ['null', withCluster({ connect_timeout: null })],
    [
      'a typed config',
      withManager({
        http_filters: [
          {
            name: 'r',
            typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
          },
        ],
      }),
    ],
    ['Structs', { node: { metadata: { a: [1, { b: null }] } } }],
  ])('accepts %s', (_what, value) => {
    expect(accepts(schema, value)).toBe(true)
  })

  test.each([
    ['unknown fields', withCluster({ foo: 1 })],
    ['unknown enum values', withCluster({ type: 'FOO' })],
    ['durations in other units', withCluster({ connect_timeout: '500ms' })],
    ['an empty name', { static_resources: { clusters: [{ name: '' }] } }],
    ['unknown fields of a typed config', withManager({ foo: 1 })],
    ['a port over 65535', { admin: { address: { socket_address: { address: 'a', port_value: 65536 } } } }],
  ])('refuses %s', (_what, value) => {
    expect(accepts(schema, value)).toBe(false)
  })
})
