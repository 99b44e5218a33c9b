// Trims ProtoJSON to the paths of a field mask, as /config_dump?mask= does.
import type { JsonObject, JsonValue } from '../../proto/generated/api.d.ts'
import { type MessageSchema, messageSchema } from './schema.ts'

/**
 * The JSON of a message with only the masked fields (snake_case paths), or undefined where a path does not fit the
 * message. Paths go through Anys, whose `@type` stays; a repeated field may only end a path.
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

function fits(outer: MessageSchema, json: JsonValue | undefined, tree: MaskTree): boolean {
  let schema: MessageSchema | undefined = outer
  if (outer.wellKnown === 'any') {
    const url = isObject(json) ? String(json['@type'] ?? '') : ''
    // An absent Any fits every path.
    if (url === '') return true
    schema = messageSchema(url.slice(url.lastIndexOf('/') + 1))
  }
  for (const [name, child] of tree) {
    const field = schema?.field(name)
    if (field === undefined || field.name !== name) return false
    if (child.size === 0) continue
    if (field.kind !== 'message' || field.repeated || field.mapKey !== undefined) return false
    if (!fits(field.message(), isObject(json) ? json[name] : undefined, child)) return false
  }
  return true
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
