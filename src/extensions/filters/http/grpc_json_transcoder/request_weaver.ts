// Puts what the URL binds to fields into the tree of the request's JSON body.

import type { FieldDescriptor } from '../../../../config/dynamic/descriptors.ts'
import { EncodeError } from '../../../../config/dynamic/json_encoder.ts'
import type { JsonEntry, JsonNode, JsonObject, JsonScalar } from '../../../../config/dynamic/json_reader.ts'
import * as scalars from '../../../../config/dynamic/json_scalars.ts'

/** A value (a byte string) for the field at the end of a path. */
export interface ResolvedBinding {
  readonly path: readonly FieldDescriptor[]
  readonly value: string
}

/** The bindings of one message, those of messages within it apart. */
interface Bindings {
  values: { field: FieldDescriptor; value: string }[]
  messages: { field: FieldDescriptor; bindings: Bindings }[]
}

/**
 * The tree with the bindings in it. A value of the body wins over a binding of the same (declared) name, but in repeated
 * fields both stay. Throws EncodeError where `rejectCollisions` is asked for and the two differ.
 */
export function weave(node: JsonNode, bindings: readonly ResolvedBinding[], rejectCollisions: boolean): JsonNode {
  if (bindings.length === 0 || node.kind !== 'object') return node
  const root: Bindings = { values: [], messages: [] }
  for (const { path, value } of bindings) {
    let target = root
    for (const field of path.slice(0, -1)) target = messageOf(target, field)
    const field = path.at(-1)
    if (field !== undefined) target.values.push({ field, value })
  }
  return weaveObject(node, root, rejectCollisions)
}

function messageOf(bindings: Bindings, field: FieldDescriptor): Bindings {
  let found = bindings.messages.find((message) => message.field === field)
  if (found === undefined) {
    found = { field, bindings: { values: [], messages: [] } }
    bindings.messages.push(found)
  }
  return found.bindings
}

function weaveObject(node: JsonObject, bindings: Bindings, rejectCollisions: boolean): JsonObject {
  const entries: JsonEntry[] = []
  let { values, messages } = bindings
  for (const entry of node.entries) {
    const { name, value } = entry
    if (value.kind === 'object') {
      const inner = messages.find(({ field }) => field.name === name)
      messages = messages.filter((message) => message !== inner)
      const woven = inner === undefined ? value : weaveObject(value, inner.bindings, rejectCollisions)
      entries.push({ name, value: woven })
      continue
    }
    if (value.kind !== 'list' && value.kind !== 'null' && values.some(({ field }) => field.name === name)) {
      for (const same of values.filter(({ field }) => field.name === name)) {
        if (same.field.repeated) entries.push(boundEntry(same))
        else if (rejectCollisions) checkCollision(name, value, same.value)
      }
      values = values.filter(({ field }) => field.name !== name)
    }
    entries.push(entry)
  }
  return { kind: 'object', entries: [...entries, ...remaining({ values, messages })] }
}

function remaining({ values, messages }: Bindings): JsonEntry[] {
  const entries = values.map(boundEntry)
  for (const { field, bindings } of messages)
    entries.push({ name: field.name, value: { kind: 'object', entries: remaining(bindings) } })
  return entries
}

function boundEntry({ field, value }: { field: FieldDescriptor; value: string }): JsonEntry {
  return { name: field.name, value: { kind: 'string', text: value } }
}

function checkCollision(name: string, inBody: JsonScalar, bound: string): void {
  const binding: JsonScalar = { kind: 'string', text: bound }
  if (isEqual(name, inBody, binding)) return
  throw new EncodeError(
    `The binding value ${scalars.showScalar(binding)} of the field ${name} is conflicting with the value ` +
      `${scalars.showScalar(inBody)} in the body.`,
  )
}

/** How near two floating point numbers count as equal. */
const tolerance = 32 * 2 ** -23

function isEqual(name: string, inBody: JsonScalar, binding: JsonScalar): boolean {
  switch (inBody.kind) {
    case 'integer': {
      const negative = inBody.text.startsWith('-')
      const type = negative ? 'int64' : 'uint64'
      return converted(name, type, binding, () => scalars.toInteger(binding, 64, negative)) === BigInt(inBody.text)
    }
    case 'double': {
      const value = converted(name, 'double', binding, () => scalars.toDouble(binding))
      return Math.abs(value - inBody.value) < tolerance
    }
    case 'bool':
      return converted(name, 'bool', binding, () => scalars.toBool(binding)) === inBody.value
    case 'string':
      return binding.kind === 'string' && binding.text === inBody.text
    default:
      return true
  }
}

function converted<Value>(name: string, type: string, binding: JsonScalar, convert: () => Value): Value {
  try {
    return convert()
  } catch {
    throw new EncodeError(`Failed to convert binding value ${name}:${scalars.showScalar(binding)} to ${type}`)
  }
}
