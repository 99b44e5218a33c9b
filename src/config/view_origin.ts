// Where the views of configuration messages came from: their message types, source positions and YAML paths.
import type { ConfigNode, MapEntry, SourceText } from './config_node.ts'
import type { FieldSchema, MessageSchema } from './schema.ts'

export interface ViewOrigin {
  readonly schema: MessageSchema
  /** Undefined for messages that arrived as protobuf bytes. */
  readonly node: ConfigNode | undefined
  /** The entries of the fields that the source sets, by the field's view name. */
  readonly entries: ReadonlyMap<string, MapEntry>
  readonly parent: ViewOrigin | undefined
  /** The parent's field that holds this message, and the list index or map key in it. */
  readonly parentField: FieldSchema | undefined
  readonly key: number | string | undefined
  /** A TypedConfig's outer message, and its `value` as written, where it was unwrapped from a TypedStruct. */
  readonly typedStruct?: { readonly typeName: string; readonly typeUrl: string; readonly value: unknown }
  /** A TypedConfig's full `@type` as written. */
  readonly anyTypeUrl?: string
}

const originKey = Symbol('origin')

/**
 * Kept at the view itself, where neither a copy nor a comparison takes it along. (The plain form, a WeakMap, makes the
 * garbage collector look at all its entries again and again: reading ten thousand clusters took three times as long.)
 */
export function setOrigin(view: object, origin: ViewOrigin): void {
  Object.defineProperty(view, originKey, { value: origin, configurable: true })
}

/** Undefined for views that were made by code, or were cloned into another process. */
export function originOf(view: object): ViewOrigin | undefined {
  return (view as { readonly [originKey]?: ViewOrigin })[originKey]
}

/**
 * Lets go of the positions in a message that nobody will find anything wrong with any more: they hold the whole text that it
 * was read from. What its configurations were written as stays.
 */
export function forgetPositions(value: object): void {
  if (value instanceof Uint8Array) return
  const origin = originOf(value)
  if (origin !== undefined)
    Object.defineProperty(value, originKey, { value: withoutPosition(origin), configurable: true })
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) forgetPositions(inner)
}

function withoutPosition({ schema, typedStruct, anyTypeUrl }: ViewOrigin): ViewOrigin | undefined {
  if (typedStruct === undefined && anyTypeUrl === undefined) return undefined
  const nowhere = { node: undefined, entries: noEntries, parent: undefined, parentField: undefined, key: undefined }
  return { schema, ...nowhere, ...(typedStruct && { typedStruct }), ...(anyTypeUrl && { anyTypeUrl }) }
}

const noEntries: ReadonlyMap<string, MapEntry> = new Map()

/** `static_resources.clusters[0].name`; `field` is a view name (or any last segment), undefined for the message itself. */
export function pathOf(origin: ViewOrigin | undefined, field?: string, index?: number | string): string {
  const segments: string[] = []
  if (field !== undefined)
    segments.push(segment(origin?.schema.fields.find((known) => known.viewName === field)?.name ?? field, index))
  for (let at = origin; at?.parent !== undefined; at = at.parent) {
    if (at.parentField !== undefined) segments.push(segment(at.parentField.name, at.key))
  }
  return segments.reverse().join('.')
}

function segment(name: string, key: number | string | undefined): string {
  if (key === undefined) return name
  return typeof key === 'number' ? `${name}[${key}]` : `${name}[${JSON.stringify(key)}]`
}

/** A stretch of source text. */
export interface SourceSpan {
  readonly source: SourceText
  readonly start: number
  readonly end: number
}

/**
 * The text to point at for a field of a message: a value that is one word, else its key (always its key where it is the
 * field itself that is wrong); else the message; else the nearest message around it.
 */
export function spanOf(
  origin: ViewOrigin | undefined,
  field?: string,
  index?: number | string,
  wantsKey = false,
): SourceSpan | undefined {
  for (let at = origin; at !== undefined; at = at.parent) {
    const entry = at === origin && field !== undefined ? at.entries.get(field) : undefined
    if (entry !== undefined) {
      const item = typeof index === 'number' && entry.value.kind === 'list' ? entry.value.items[index] : undefined
      if (item !== undefined) return item
      if (!wantsKey && isPointable(entry)) return entry.value
      return { source: entry.value.source, start: entry.keyStart, end: entry.keyEnd }
    }
    if (at.node !== undefined) return at.node
  }
  return undefined
}

/** A scalar that starts right behind its key and is no block of text. */
function isPointable({ value, keyEnd }: MapEntry): boolean {
  if (value.kind !== 'scalar' || value.end <= value.start) return false
  return !value.source.text.slice(keyEnd, value.end).includes('\n')
}
