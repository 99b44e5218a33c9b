// Trims ProtoJSON to the paths of a field mask, as /config_dump?mask= does.
import type { JsonObject, JsonValue } from '../../proto/generated/api.d.ts'
import { type FieldSchema, type MessageSchema, messageSchema } from './schema.ts'

/**
 * The JSON of a message with only the masked fields (snake_case paths), or undefined where a path does not fit the
 * message. Paths go through an Any of the message itself, whose `@type` stays; a repeated field may only end a path.
 */
export function applyFieldMask(typeName: string, json: JsonObject, paths: readonly string[]): JsonObject | undefined {
  const schema = messageSchema(typeName)
  if (schema === undefined) return undefined
  const tree = maskTree(paths)
  return fits(schema, json, tree) ? trim(json, tree) : undefined
}

/** Splits `a.b,c` as given in a query. */
export function parseFieldMask(mask: string): string[] {
  return mask.split(',').filter((path) => path !== '')
}

type MaskTree = Map<string, MaskTree>

/** An empty tree stands for "all of it". */
function maskTree(paths: readonly string[]): MaskTree {
  const root: MaskTree = new Map()
  for (const path of paths) {
    let tree = root
    const names = path.split('.')
    for (const [index, name] of names.entries()) {
      const known = tree.get(name)
      if (known !== undefined && known.size === 0) break
      const child: MaskTree = index === names.length - 1 ? new Map() : (known ?? new Map())
      tree.set(name, child)
      tree = child
    }
  }
  return root
}

/** As Envoy, that looks into an Any only where it is a field of the message itself, and refuses to keep one as a whole. */
function fits(schema: MessageSchema, json: JsonObject, tree: MaskTree): boolean {
  for (const [name, child] of tree) {
    const field = schema.field(name)
    if (field === undefined || field.name !== name) return false
    const value = json[name]
    if (isAny(field)) {
      if (!isObject(value)) continue
      const inner = anySchema(value)
      if (inner === undefined || child.size === 0 || !fits(inner, value, child)) return false
    } else if (!hasPaths(field, child)) return false
  }
  return true
}

/** Whether these paths lead on from a field to other fields. */
function hasPaths(field: FieldSchema, tree: MaskTree): boolean {
  if (tree.size === 0) return true
  if (field.kind !== 'message' || field.repeated || field.mapKey !== undefined || isAny(field)) return false
  const schema = field.message()
  return [...tree].every(([name, child]) => {
    const inner = schema.field(name)
    return inner !== undefined && inner.name === name && hasPaths(inner, child)
  })
}

function isAny(field: FieldSchema): boolean {
  return (
    field.kind === 'message' && !field.repeated && field.mapKey === undefined && field.message().wellKnown === 'any'
  )
}

function anySchema(json: JsonObject): MessageSchema | undefined {
  const url = String(json['@type'] ?? '')
  return messageSchema(url.slice(url.lastIndexOf('/') + 1))
}

function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function trim(json: JsonObject, tree: MaskTree): JsonObject {
  const result: JsonObject = {}
  for (const [key, value] of Object.entries(json)) {
    const child = tree.get(key)
    if (key === '@type') result[key] = value
    else if (child !== undefined) result[key] = child.size > 0 && isObject(value) ? trim(value, child) : value
  }
  return result
}
