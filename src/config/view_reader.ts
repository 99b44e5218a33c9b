// Reads a configuration tree into views by the schema, with Envoy's leniencies, reporting everything that does not fit.
import { type ConfigNode, describeNode, isNull, type MapEntry, type MapNode, maxDepth } from './config_node.ts'
import type { ConfigErrors, IssueDetails } from './errors.ts'
import { type Problem, readEnum, readScalar, scalarDefault } from './scalars.ts'
import { type FieldSchema, type MessageSchema, messageNames, messageSchema, type ScalarType } from './schema.ts'
import { suggest } from './suggestions.ts'
import { pathOf, type SourceSpan, setOrigin, type ViewOrigin } from './view_origin.ts'
import { readWellKnown, setOwn } from './well_known.ts'

/** Where a value stands: the field that it is (an element of), and the message around it. */
interface Place {
  readonly parent: ViewOrigin
  readonly field: FieldSchema
  readonly key: number | string | undefined
  readonly depth: number
}

const typedStructNames = new Set(['xds.type.v3.TypedStruct', 'udpa.type.v1.TypedStruct'])

export class ViewReader {
  #errors: ConfigErrors
  #allowUnknown: boolean

  /** With `allowUnknown`, unknown fields and enum values are warnings. */
  constructor(errors: ConfigErrors, allowUnknown: boolean) {
    this.#errors = errors
    this.#allowUnknown = allowUnknown
  }

  /** The view of a whole document; undefined where it is no map. */
  readDocument(schema: MessageSchema, node: ConfigNode): Record<string, unknown> | undefined {
    if (node.kind === 'map') return this.#message(schema, node, undefined)
    this.#errors.addAt('error', node, '', `expected a map, got ${describeNode(node)}`, {
      expected: `a map of ${schema.fullName}'s fields`,
    })
    return undefined
  }

  #message(
    schema: MessageSchema,
    node: MapNode,
    place: Place | undefined,
    skippedKeys?: ReadonlySet<string>,
  ): Record<string, unknown> {
    const view = schema.emptyView()
    const entries = new Map<string, MapEntry>()
    const origin: ViewOrigin = {
      schema,
      node,
      entries,
      parent: place?.parent,
      parentField: place?.field,
      key: place?.key,
    }
    setOrigin(view, origin)
    const depth = (place?.depth ?? 0) + 1
    if (depth > maxDepth) {
      this.#errors.addAt('error', node, pathOf(origin), 'the configuration is nested too deeply', {
        expected: `at most ${maxDepth} levels`,
      })
      return view
    }
    for (const entry of node.entries) {
      const field = schema.field(entry.key)
      if (field === undefined) {
        if (skippedKeys?.has(entry.key) !== true) this.#unknownField(origin, entry)
      } else if (!isNull(entry.value) || field.type === 'google.protobuf.Value') {
        this.#setField(view, entries, { parent: origin, field, key: undefined, depth }, entry)
      }
    }
    return view
  }

  #setField(view: Record<string, unknown>, entries: Map<string, MapEntry>, place: Place, entry: MapEntry): void {
    const { field } = place
    if (field.oneofName !== undefined) {
      const oneof = field.parent.oneof(field.oneofName)
      const already = view[oneof.viewName]
      if (already !== undefined && already !== field.viewName) {
        const other = oneof.members.find((member) => member.viewName === already)!.name
        const expected = `one of ${oneof.members.map((member) => member.name).join(', ')}`
        this.#problem(place, keySpan(entry), {
          message: `'${field.name}' cannot be set together with '${other}'`,
          expected,
        })
        return
      }
      view[oneof.viewName] = field.viewName
    }
    const isList = field.repeated && entries.has(field.viewName)
    entries.set(field.viewName, entry)
    const value = this.#field(place, entry.value)
    // A list set under both of its spellings holds the elements of both.
    view[field.viewName] = isList ? [...(view[field.viewName] as unknown[]), ...(value as unknown[])] : value
  }

  #field(place: Place, node: ConfigNode): unknown {
    const { field } = place
    if (field.mapKey !== undefined) return this.#map(place, node)
    if (!field.repeated) return this.#element(place, node)
    const values: unknown[] = []
    this.#elements(place, node, values)
    return values
  }

  /** One value stands for a list of one, and lists in lists are flattened. */
  #elements(place: Place, node: ConfigNode, values: unknown[]): void {
    if (node.kind === 'list' && place.field.type !== 'google.protobuf.ListValue') {
      for (const item of node.items) this.#elements(place, item, values)
    } else values.push(this.#element({ ...place, key: values.length }, node))
  }

  #map(place: Place, node: ConfigNode): Record<string, unknown> {
    const result: Record<string, unknown> = {}
    if (node.kind !== 'map') {
      this.#problem(place, node, { message: `expected a map, got ${describeNode(node)}`, expected: 'a map' })
      return result
    }
    for (const entry of node.entries) {
      setOwn(result, entry.key, this.#element({ ...place, key: entry.key }, entry.value))
    }
    return result
  }

  #element(place: Place, node: ConfigNode): unknown {
    const { field } = place
    if (field.kind === 'message') return this.#messageElement(place, node, field.message())
    if (isNull(node)) return elementDefault(field)
    if (node.kind !== 'scalar') {
      this.#problem(place, node, {
        message: `expected a single value, got ${describeNode(node)}`,
        expected: field.kind === 'enum' ? 'a value name' : `a ${field.type}`,
      })
      return elementDefault(field)
    }
    const result = field.kind === 'enum' ? readEnum(field.enum(), node) : readScalar(field.type as ScalarType, node)
    if ('value' in result) return result.value
    const isUnknownEnum = field.kind === 'enum' && node.json === 'string' && this.#allowUnknown
    this.#problem(place, node, result, isUnknownEnum ? 'warning' : 'error')
    return elementDefault(field)
  }

  #messageElement(place: Place, node: ConfigNode, schema: MessageSchema): unknown {
    if (schema.wellKnown === 'any') return this.#any(place, node)
    if (schema.wellKnown !== undefined) return this.#wellKnown(place, node, schema)
    if (node.kind === 'map') return this.#message(schema, node, place)
    const empty: MapNode = { kind: 'map', source: node.source, start: node.start, end: node.end, entries: [] }
    if (isNull(node)) return this.#message(schema, empty, place)
    this.#problem(place, node, {
      message: `expected a map, got ${describeNode(node)}`,
      expected: `a map of ${schema.fullName}'s fields`,
    })
    // As if it were not there; a list's elements must be something.
    return place.key === undefined ? undefined : this.#message(schema, empty, place)
  }

  #wellKnown(place: Place, node: ConfigNode, schema: MessageSchema): unknown {
    const result = readWellKnown(schema, node)
    if ('value' in result) return result.value
    this.#problem(place, result.at ?? node, result)
    return undefined
  }

  #any(place: Place, node: ConfigNode): unknown {
    const typed: { typeUrl: string; value: unknown } = { typeUrl: '', value: undefined }
    const entries = new Map<string, MapEntry>()
    const base = {
      schema: place.field.message(),
      node,
      entries,
      parent: place.parent,
      parentField: place.field,
      key: place.key,
    }
    setOrigin(typed, base)
    if (isNull(node)) return typed
    if (node.kind !== 'map') {
      this.#problem(place, node, {
        message: `expected a map with "@type", got ${describeNode(node)}`,
        expected: 'a map with "@type"',
      })
      return typed
    }
    const typeEntry = node.entries.find((entry) => entry.key === '@type')
    if (typeEntry === undefined) {
      // Envoy reads `{}` as an Any of no type; who needs a type refuses that.
      if (node.entries.length > 0)
        this.#problem(place, node, {
          message: 'missing "@type" (only an empty map may lack it)',
          expected: '"@type": type.googleapis.com/<message name>',
        })
      return typed
    }
    entries.set('typeUrl', typeEntry)
    const schema = this.#anySchema(place, typeEntry)
    if (schema === undefined) return typed
    typed.typeUrl = schema.fullName
    const url = (typeEntry.value as { text: string }).text
    setOrigin(typed, { ...base, anyTypeUrl: url })
    if (typedStructNames.has(schema.fullName)) return this.#typedStruct(typed, base, schema, node, place, url)
    if (schema.wellKnown === undefined) typed.value = this.#message(schema, node, place, anyKeys)
    else typed.value = this.#wellKnownInAny(place, node, schema)
    return typed
  }

  /** Well-known types lie in an Any under the key `value`. */
  #wellKnownInAny(place: Place, node: MapNode, schema: MessageSchema): unknown {
    const nothing: ConfigNode = {
      kind: 'scalar',
      source: node.source,
      start: node.start,
      end: node.end,
      json: 'null',
      text: '',
    }
    const value = node.entries.find((entry) => entry.key === 'value')?.value ?? nothing
    for (const entry of node.entries) {
      if (entry.key !== 'value' && entry.key !== '@type') this.#unknownField({ ...place.parent, schema }, entry)
    }
    if (schema.wellKnown === 'any') return this.#any(place, value)
    return this.#wellKnown(place, value, schema)
  }

  #anySchema(place: Place, entry: MapEntry): MessageSchema | undefined {
    const node = entry.value
    const url = node.kind === 'scalar' && node.json === 'string' ? node.text : ''
    const slash = url.lastIndexOf('/')
    if (slash < 1) {
      const known = messageSchema(url) !== undefined
      this.#problem(place, node, {
        message: '@type must contain at least one / and a nonempty host',
        expected: 'type.googleapis.com/<message name>',
        ...(known ? { suggestion: `type.googleapis.com/${url}` } : {}),
      })
      return undefined
    }
    const name = url.slice(slash + 1)
    const schema = messageSchema(name)
    if (schema === undefined) {
      const suggestion = suggest(name, messageNames())
      this.#problem(place, node, {
        message: `could not find @type '${url}'`,
        ...(suggestion === undefined ? {} : { suggestion: `type.googleapis.com/${suggestion}` }),
      })
    }
    return schema
  }

  /** A type that is not known inside a TypedStruct is kept as plain JSON: only its user can tell whether that is an error. */
  #typedStruct(
    typed: { typeUrl: string; value: unknown },
    base: ViewOrigin,
    schema: MessageSchema,
    node: MapNode,
    place: Place,
    url: string,
  ): unknown {
    const outer = this.#message(schema, node, place, anyKeys)
    const innerUrl = String(outer['typeUrl'])
    const name = innerUrl.slice(innerUrl.lastIndexOf('/') + 1)
    const inner = name === '' ? undefined : messageSchema(name)
    const value = node.entries.find((entry) => entry.key === 'value')?.value
    typed.typeUrl = name
    const empty: MapNode = { kind: 'map', source: node.source, start: node.start, end: node.end, entries: [] }
    if (inner === undefined || inner.wellKnown !== undefined) typed.value = outer['value'] ?? {}
    else typed.value = this.#message(inner, value?.kind === 'map' ? value : empty, place)
    setOrigin(typed, {
      ...base,
      anyTypeUrl: url,
      typedStruct: { typeName: schema.fullName, typeUrl: innerUrl, value: outer['value'] ?? {} },
    })
    return typed
  }

  #unknownField(origin: ViewOrigin, entry: MapEntry): void {
    const names = origin.schema.fields.map((field) => field.name)
    const suggestion = suggest(entry.key, names)
    const details: IssueDetails = suggestion === undefined ? {} : { suggestion }
    const yamlMistake = yamlMistakeOf(entry.key)
    if (yamlMistake !== undefined) details.expected = yamlMistake
    else if (names.length > 0 && names.length <= 12 && suggestion === undefined)
      details.expected = `one of ${names.join(', ')}`
    const severity = this.#allowUnknown ? 'warning' : 'error'
    this.#errors.addAt(
      severity,
      keySpan(entry),
      pathOf(origin, entry.key),
      `unknown field '${entry.key}' in ${origin.schema.fullName}`,
      details,
    )
  }

  #problem(place: Place, span: SourceSpan, problem: Problem, severity: 'error' | 'warning' = 'error'): void {
    const { message, expected, suggestion } = problem
    const details = { ...(expected && { expected }), ...(suggestion && { suggestion }) }
    this.#errors.addAt(severity, span, pathOf(place.parent, place.field.viewName, place.key), message, details)
  }
}

/** What a key looks like that is no name of a field but meant as something of YAML. */
function yamlMistakeOf(key: string): string | undefined {
  if (key === '<<') return 'no merge keys, which Envoy does not take either: an alias (*name) must be the whole value'
  return key.startsWith('-') ? `a space behind the '-' of a list's element` : undefined
}

const anyKeys: ReadonlySet<string> = new Set(['@type'])

function elementDefault(field: FieldSchema): unknown {
  return field.kind === 'enum' ? field.enum().nameOf.get(0) : scalarDefault(field.type as ScalarType)
}

function keySpan(entry: MapEntry): SourceSpan {
  return { source: entry.value.source, start: entry.keyStart, end: entry.keyEnd }
}
