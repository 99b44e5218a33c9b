// Merges one message's view into another as protobuf's MergeFrom does.
import type { FieldSchema, MessageSchema } from './schema.ts'
import { originOf, setOrigin } from './view_origin.ts'

type View = Record<string, unknown>

/**
 * Changes `target`: what `source` sets replaces scalars, is added to lists and maps, and is merged into messages.
 * Setting a member of a oneof clears the other members. Positions go with the values.
 */
export function mergeView(schema: MessageSchema, target: View, source: View): void {
  const entries = new Map(originOf(target)?.entries)
  const sourceEntries = originOf(source)?.entries
  for (const field of schema.fields) {
    const value = source[field.viewName]
    if (!field.isSet(value)) continue
    if (field.oneofName !== undefined) selectMember(target, field, entries)
    target[field.viewName] = mergedValue(field, target[field.viewName], value)
    const entry = sourceEntries?.get(field.viewName)
    if (entry !== undefined) entries.set(field.viewName, entry)
  }
  const origin = originOf(target) ?? originOf(source)
  if (origin !== undefined) setOrigin(target, { ...origin, entries })
}

function selectMember(target: View, field: FieldSchema, entries: Map<string, unknown>): void {
  const oneof = field.parent.oneof(field.oneofName!)
  for (const member of oneof.members) {
    if (member === field) continue
    target[member.viewName] = undefined
    entries.delete(member.viewName)
  }
  target[oneof.viewName] = field.viewName
}

function mergedValue(field: FieldSchema, old: unknown, value: unknown): unknown {
  if (field.repeated) return [...(old as unknown[]), ...(value as unknown[])]
  if (field.mapKey !== undefined) return { ...(old as View), ...(value as View) }
  if (field.kind !== 'message' || old === undefined) return value
  const schema = field.message()
  if (schema.wellKnown === 'struct') return { ...(old as View), ...(value as View) }
  if (schema.wellKnown !== undefined) return value
  mergeView(schema, old as View, value as View)
  return old
}
