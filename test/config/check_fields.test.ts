import { describe, expect, test } from 'vitest'
import { checkFields, fieldTables } from '../../src/config/check_fields.ts'
import type { FieldTable } from '../../src/config/fields/field_table.ts'
import { messageSchema } from '../../src/config/schema.ts'
import { cluster, connectionManager, load } from './loading.ts'

const bootstrapSchema = messageSchema('envoy.config.bootstrap.v3.Bootstrap')!

function check(yaml: string, tables?: FieldTable[]): { errors: string[]; warnings: string[] } {
  const { bootstrap, issues } = load(yaml, { skipDeprecatedLogs: true })
  expect(issues.errors).toEqual([])
  checkFields(bootstrapSchema, bootstrap as unknown as Record<string, unknown>, issues, tables)
  return {
    errors: issues.errors.map((issue) => `${issue.line}: ${issue.message}`),
    warnings: issues.warnings.map((issue) => `${issue.line}: ${issue.message}`),
  }
}

const clusterTable: FieldTable = {
  'envoy.config.cluster.v3.Cluster': { acts: ['name', 'load_assignment'], harmless: ['metadata'] },
}

describe('a field that a configuration sets', () => {
  test('is refused where no list has it', () => {
    expect(check(cluster('alt_stat_name: x'), [clusterTable]).errors).toEqual([
      "4: field 'alt_stat_name' is known to Envoy but not supported by Nuncio (envoy.config.cluster.v3.Cluster.alt_stat_name)",
    ])
  })

  test('is accepted with one warning where it is harmless', () => {
    const { errors, warnings } = check(cluster('metadata: {}'), [clusterTable])
    expect(errors).toEqual([])
    expect(warnings).toEqual([
      "4: field 'metadata' is accepted but has no effect (envoy.config.cluster.v3.Cluster.metadata)",
    ])
  })

  test('to its default is not set', () => {
    expect(check(cluster('alt_stat_name: ""\n    health_checks: []'), [clusterTable]).errors).toEqual([])
  })

  test('in a message without a table is accepted', () => {
    expect(
      check(cluster('load_assignment: {cluster_name: c, policy: {overprovisioning_factor: 140}}'), [clusterTable])
        .errors,
    ).toEqual([])
  })

  test('inside a typed config is checked too', () => {
    const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
    const table: FieldTable = { [manager]: { acts: ['stat_prefix', 'route_config'] } }
    expect(check(connectionManager('via: x'), [table]).errors).toEqual([
      `7: field 'via' is known to Envoy but not supported by Nuncio (${manager}.via)`,
    ])
  })
})

test('every message and field in the tables exists, once', () => {
  const seen = new Set<string>()
  for (const table of fieldTables) {
    for (const [name, use] of Object.entries(table)) {
      const schema = messageSchema(name)
      expect(schema, name).toBeDefined()
      for (const field of [...use.acts, ...(use.harmless ?? [])]) {
        expect(schema!.field(field)?.name, `${name}.${field}`).toBe(field)
        expect(seen.has(`${name}.${field}`), `${name}.${field} twice`).toBe(false)
        seen.add(`${name}.${field}`)
      }
    }
  }
})

test('an ordinary front proxy passes', () => {
  const routes = '[{match: {prefix: /}, route: {cluster: c, timeout: 1s, retry_policy: {retry_on: 5xx}}}]'
  const yaml = connectionManager(
    `codec_type: AUTO, route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: ${routes}}]}`,
  )
  expect(check(`${yaml}node: {id: a}\nadmin: {address: {pipe: {path: /x}}}`)).toEqual({ errors: [], warnings: [] })
})
