// Refuses fields that Envoy knows and the proxy does not act on, so that nothing in a configuration is silently ignored.
import type { ConfigErrors } from './errors.ts'
import { accessLogFields } from './fields/access_log.ts'
import { bootstrapFields } from './fields/bootstrap.ts'
import { clusterFields } from './fields/cluster.ts'
import { commonFields } from './fields/common.ts'
import type { FieldTable, FieldUse } from './fields/field_table.ts'
import { forwardProxyFields } from './fields/forward_proxy.ts'
import { grpcFields } from './fields/grpc.ts'
import { hcmFields } from './fields/hcm.ts'
import { healthCheckFields } from './fields/health_check.ts'
import { jwtFields } from './fields/jwt.ts'
import { listenerFields } from './fields/listener.ts'
import { rbacFields } from './fields/rbac.ts'
import { routeFields } from './fields/route.ts'
import { tlsFields } from './fields/tls.ts'
import { trafficFields } from './fields/traffic.ts'
import { transcoderFields } from './fields/transcoder.ts'
import { xdsFields } from './fields/xds.ts'
import type { MessageSchema } from './schema.ts'
import { elementsOf, messageIn } from './view_walk.ts'

/** Every area's table. No message stands in two of them. */
export const fieldTables: readonly FieldTable[] = [
  bootstrapFields,
  commonFields,
  listenerFields,
  clusterFields,
  routeFields,
  hcmFields,
  grpcFields,
  tlsFields,
  trafficFields,
  rbacFields,
  jwtFields,
  forwardProxyFields,
  transcoderFields,
  xdsFields,
  accessLogFields,
  healthCheckFields,
]

/**
 * Checks a message and what lies below the fields that are acted on, typed configs included. A message that no table
 * names is not checked itself.
 */
export function checkFields(
  schema: MessageSchema,
  view: Record<string, unknown>,
  errors: ConfigErrors,
  tables: readonly FieldTable[] = fieldTables,
): void {
  new FieldChecker(errors, compiledUses(tables)).check(schema, view)
}

type FieldUses = ReadonlyMap<string, Record<keyof FieldUse, ReadonlySet<string>>>

/** The project's own tables are compiled once: thousands of resources may come in one message. */
let ownUses: FieldUses | undefined

function compiledUses(tables: readonly FieldTable[]): FieldUses {
  if (tables !== fieldTables) return compileUses(tables)
  ownUses ??= compileUses(fieldTables)
  return ownUses
}

function compileUses(tables: readonly FieldTable[]): FieldUses {
  const entries = tables.flatMap((table) => Object.entries(table))
  return new Map(
    entries.map(([name, { acts, harmless, meaningless }]) => [
      name,
      { acts: new Set(acts), harmless: new Set(harmless), meaningless: new Set(meaningless) },
    ]),
  )
}

class FieldChecker {
  readonly #errors: ConfigErrors
  readonly #uses: FieldUses

  constructor(errors: ConfigErrors, uses: FieldUses) {
    this.#errors = errors
    this.#uses = uses
  }

  check(schema: MessageSchema, view: Record<string, unknown>): void {
    const use = this.#uses.get(schema.fullName)
    for (const field of schema.fields) {
      const value = view[field.viewName]
      if (!field.isSet(value) || use?.meaningless.has(field.name) === true) continue
      const full = `${schema.fullName}.${field.name}`
      if (use?.harmless.has(field.name) === true) {
        this.#errors.warn(view, field.viewName, `field '${field.name}' is accepted but has no effect (${full})`, {
          atKey: true,
        })
      } else if (use !== undefined && !use.acts.has(field.name)) {
        this.#errors.add(
          view,
          field.viewName,
          `field '${field.name}' is known to Envoy but not supported by Nuncio (${full})`,
          { atKey: true },
        )
      } else if (field.kind === 'message') {
        for (const element of elementsOf(field, value)) {
          const inner = messageIn(field, element)
          if (inner !== undefined) this.check(inner.schema, inner.view)
        }
      }
    }
  }
}
