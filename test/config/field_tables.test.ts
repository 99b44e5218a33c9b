/** The tables of known fields tell the truth: what they say is acted on is read somewhere in the code. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fieldTables } from '../../src/config/check_fields.ts'
import type { FieldUse } from '../../src/config/fields/field_table.ts'
import { type FieldSchema, messageSchema } from '../../src/config/schema.ts'
import { allExtensions } from '../../src/extensions/all_extensions.ts'

const sources = join(import.meta.dirname, '../../src')
const identifiers = new Set<string>()
for (const file of readdirSync(sources, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.ts') || file.startsWith('config/fields')) continue
  for (const word of readFileSync(join(sources, file), 'utf8').match(/\b[a-z]\w*\b/gi) ?? []) identifiers.add(word)
}

const uses = new Map<string, FieldUse>(fieldTables.flatMap((table) => Object.entries(table)))

/** Messages that a bootstrap or an extension's configuration can hold, through fields that are acted on. */
function reachableMessages(): string[] {
  const seen = new Set<string>()
  const visit = (name: string): void => {
    const schema = messageSchema(name)
    if (schema === undefined || schema.wellKnown !== undefined || seen.has(name)) return
    seen.add(name)
    for (const field of schema.fields) if (field.kind === 'message' && acts(name, field)) visit(field.type)
  }
  visit('envoy.config.bootstrap.v3.Bootstrap')
  for (const { typeUrls, routeTypeUrls } of allExtensions) [...typeUrls, ...(routeTypeUrls ?? [])].forEach(visit)
  return [...seen].sort()
}

/** A message without a table acts on all of its fields. */
function acts(message: string, field: FieldSchema): boolean {
  return uses.get(message)?.acts.includes(field.name) ?? true
}

describe('every field that is said to be acted on is read by the code', () => {
  for (const name of reachableMessages()) {
    test(name, () => {
      const unread = messageSchema(name)!.fields.filter(
        (field) => acts(name, field) && !identifiers.has(field.viewName) && !isEmptyMessage(field),
      )
      expect(unread.map((field) => field.name)).toEqual([])
    })
  }
})

/** A member of a oneof that has nothing but its presence, or whose fields are all marked as harmless. */
function isEmptyMessage(field: FieldSchema): boolean {
  if (field.kind !== 'message') return false
  const schema = field.message()
  return schema.wellKnown === undefined && !schema.fields.some((inner) => acts(schema.fullName, inner))
}
