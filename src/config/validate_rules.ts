// Enforces the `validate.rules` that Envoy's API declares, in the words that Envoy's own validation uses.
import { isIP, isIPv4, isIPv6 } from 'node:net'
import type { FieldRules, Rules, RuleValue } from './bundle.ts'
import type { ConfigErrors } from './errors.ts'
import type { FieldSchema, MessageSchema } from './schema.ts'
import { originOf } from './view_origin.ts'
import { type VisitedMessage, walkMessages } from './view_walk.ts'

/** Checks a message and all below it, typed configs included; what lies in metadata only, Envoy does not validate. */
export function validateRules(schema: MessageSchema, view: Record<string, unknown>, errors: ConfigErrors): void {
  walkMessages(schema, view, (message) => {
    if (message.isValidated && !message.schema.validateDisabled) validateMessage(message, errors)
  })
}

function validateMessage({ schema, view, isInExtension }: VisitedMessage, errors: ConfigErrors): void {
  for (const oneof of schema.oneofs) {
    if (oneof.required && view[oneof.viewName] === undefined) {
      const expected = `one of ${oneof.members.map((member) => member.name).join(', ')}`
      errors.add(view, undefined, `${shortName(schema)}: ${oneof.name} is required`, { expected, isInExtension })
    }
  }
  for (const field of schema.fields) {
    // The rules of a oneof's member hold where it is the one that is set.
    if (field.rules === undefined || (field.oneofName !== undefined && !field.isSet(view[field.viewName]))) continue
    const value = view[field.viewName]
    for (const problem of checkField(field, value)) {
      const place = originOf(view)?.entries.has(field.viewName) === false ? undefined : field.viewName
      const text = `${shortName(schema)}.${field.name}: ${problem.message}`
      const index = problem.index === undefined ? {} : { index: problem.index }
      errors.add(view, place, text, { ...index, isInExtension })
    }
  }
}

function shortName(schema: MessageSchema): string {
  return schema.fullName.replace(/^.*?(?=[A-Z])/, '')
}

interface RuleProblem {
  readonly message: string
  readonly index?: number | string
}

function checkField(field: FieldSchema, value: unknown): RuleProblem[] {
  const rules = field.rules!
  if (field.repeated) return checkRepeated(rules['repeated'] ?? {}, value as unknown[])
  if (field.mapKey !== undefined) return checkMap(rules['map'] ?? {}, value as Record<string, unknown>)
  const message = checkValue(rules, value) ?? checkRefusedName(field, rules, value)
  return message === undefined ? [] : [{ message }]
}

function checkRepeated(rules: Rules, list: unknown[]): RuleProblem[] {
  if (rules['ignore_empty'] === true && list.length === 0) return []
  const problems: RuleProblem[] = []
  const min = Number(rules['min_items'] ?? 0)
  const max = Number(rules['max_items'] ?? Number.POSITIVE_INFINITY)
  if (list.length < min) problems.push({ message: `value must contain at least ${min} item(s)` })
  if (list.length > max) problems.push({ message: `value must contain no more than ${max} item(s)` })
  if (rules['unique'] === true && new Set(list).size < list.length)
    problems.push({ message: 'repeated value must contain unique items' })
  const items = rules['items'] as FieldRules | undefined
  if (items === undefined) return problems
  for (const [index, item] of list.entries()) {
    const message = checkValue(items, item)
    if (message !== undefined) problems.push({ message, index })
  }
  return problems
}

function checkMap(rules: Rules, map: Record<string, unknown>): RuleProblem[] {
  const keys = Object.keys(map)
  if (rules['ignore_empty'] === true && keys.length === 0) return []
  const problems: RuleProblem[] = []
  const min = Number(rules['min_pairs'] ?? 0)
  const max = Number(rules['max_pairs'] ?? Number.POSITIVE_INFINITY)
  if (keys.length < min) problems.push({ message: `value must contain at least ${min} pair(s)` })
  if (keys.length > max) problems.push({ message: `value must contain no more than ${max} pair(s)` })
  for (const key of keys) {
    const keyMessage = checkValue((rules['keys'] ?? {}) as FieldRules, key)
    const valueMessage = checkValue((rules['values'] ?? {}) as FieldRules, map[key])
    for (const message of [keyMessage, valueMessage]) if (message !== undefined) problems.push({ message, index: key })
  }
  return problems
}

/** Checks one value by its kind's rules. What is absent is right, unless it is required. */
function checkValue(rules: FieldRules, value: unknown): string | undefined {
  for (const [kind, kindRules] of Object.entries(rules)) {
    if (kindRules['required'] === true && value === undefined) return 'value is required'
    if (value === undefined || kind === 'message') continue
    const message = checkKind(kind, kindRules, value)
    if (message !== undefined) return message
  }
  return undefined
}

function checkKind(kind: string, rules: Rules, value: unknown): string | undefined {
  switch (kind) {
    case 'string':
      return checkString(rules, value as string)
    case 'bytes':
      return checkBytes(rules, value as Uint8Array)
    case 'bool':
      return rules['const'] !== undefined && value !== rules['const'] ? `value must equal ${rules['const']}` : undefined
    case 'enum':
      return checkEnum(rules, String(value))
    case 'duration':
    case 'timestamp':
      return checkRange(durationRules(rules), value as number, (ms) => `${ms / 1000}s`)
    case 'any':
      return checkAny(rules, (value as { typeUrl: string }).typeUrl)
    default:
      if (rules['ignore_empty'] === true && value === 0) return undefined
      return checkRange(rules, value as number, String)
  }
}

function listOf(value: RuleValue | undefined): RuleValue[] | undefined {
  if (value === undefined) return undefined
  return Array.isArray(value) ? value : [value]
}

function checkEnum(rules: Rules, value: string): string | undefined {
  // Numbers that no name is declared for reach us as digits.
  if (rules['defined_only'] === true && /^-?\d+$/.test(value)) return 'value must be one of the defined enum values'
  return undefined
}

/** Rules tell of numbers, views of names. */
function checkRefusedName(field: FieldSchema, rules: FieldRules, value: unknown): string | undefined {
  const refused = field.kind === 'enum' ? listOf(rules['enum']?.['not_in']) : undefined
  if (refused === undefined || !refused.includes(field.enum().numberOf.get(String(value)) ?? '')) return undefined
  return `value must not be in list [${refused.map((number) => field.enum().nameOf.get(Number(number))).join(', ')}]`
}

function checkAny(rules: Rules, typeName: string): string | undefined {
  const bare = (list: RuleValue[]): string[] => list.map((url) => String(url).replace(/^.*\//, ''))
  const allowed = listOf(rules['in'])
  if (allowed !== undefined && !bare(allowed).includes(typeName))
    return `type URL must be in list [${allowed.join(', ')}]`
  const refused = listOf(rules['not_in'])
  return refused !== undefined && bare(refused).includes(typeName)
    ? `type URL must not be in list [${refused.join(', ')}]`
    : undefined
}

/** `{seconds: 1, nanos: 5}` in rules to milliseconds. */
function durationRules(rules: Rules): Rules {
  const result: Rules = {}
  for (const [name, rule] of Object.entries(rules)) {
    const isTime = typeof rule === 'object' && !Array.isArray(rule)
    result[name] = isTime
      ? Number((rule as Rules)['seconds'] ?? 0) * 1000 + Number((rule as Rules)['nanos'] ?? 0) / 1e6
      : rule
  }
  return result
}

function checkRange(rules: Rules, value: number, show: (value: number) => string): string | undefined {
  const constant = rules['const']
  if (constant !== undefined && value !== Number(constant)) return `value must equal ${show(Number(constant))}`
  const allowed = listOf(rules['in'])
  if (allowed !== undefined && !allowed.map(Number).includes(value))
    return `value must be in list [${allowed.join(', ')}]`
  const refused = listOf(rules['not_in'])
  if (refused?.map(Number).includes(value) === true) return `value must not be in list [${refused.join(', ')}]`
  const low = rules['gt'] ?? rules['gte']
  const high = rules['lt'] ?? rules['lte']
  const aboveLow = low === undefined || (rules['gt'] !== undefined ? value > Number(low) : value >= Number(low))
  const belowHigh = high === undefined || (rules['lt'] !== undefined ? value < Number(high) : value <= Number(high))
  if (aboveLow && belowHigh) return undefined
  if (low !== undefined && high !== undefined) {
    // With the bounds swapped, protoc-gen-validate reads the pair as "outside of".
    if (Number(low) > Number(high))
      return aboveLow || belowHigh ? undefined : `value must be outside range ${rangeText(rules, show)}`
    return `value must be inside range ${rangeText(rules, show)}`
  }
  if (!aboveLow)
    return `value must be greater than ${rules['gt'] === undefined ? 'or equal to ' : ''}${show(Number(low))}`
  return `value must be less than ${rules['lt'] === undefined ? 'or equal to ' : ''}${show(Number(high))}`
}

function rangeText(rules: Rules, show: (value: number) => string): string {
  const low = rules['gt'] === undefined ? `[${show(Number(rules['gte']))}` : `(${show(Number(rules['gt']))}`
  return `${low}, ${rules['lt'] === undefined ? `${show(Number(rules['lte']))}]` : `${show(Number(rules['lt']))})`}`
}

function checkBytes(rules: Rules, value: Uint8Array): string | undefined {
  if (rules['ignore_empty'] === true && value.length === 0) return undefined
  const min = Number(rules['len'] ?? rules['min_len'] ?? 0)
  const max = Number(rules['len'] ?? rules['max_len'] ?? Number.POSITIVE_INFINITY)
  if (value.length < min) return `value length must be at least ${min} bytes`
  return value.length > max ? `value length must be at most ${max} bytes` : undefined
}

function checkString(rules: Rules, value: string): string | undefined {
  if (rules['ignore_empty'] === true && value === '') return undefined
  return checkLength(rules, value) ?? checkContent(rules, value) ?? checkFormat(rules, value)
}

function checkLength(rules: Rules, value: string): string | undefined {
  const characters = [...value].length
  const bytes = Buffer.byteLength(value)
  for (const [unit, size, exact, least, most] of [
    ['characters', characters, 'len', 'min_len', 'max_len'],
    ['bytes', bytes, 'len_bytes', 'min_bytes', 'max_bytes'],
  ] as const) {
    if (rules[exact] !== undefined && size !== Number(rules[exact]))
      return `value length must be ${rules[exact]} ${unit}`
    if (rules[least] !== undefined && size < Number(rules[least]))
      return `value length must be at least ${rules[least]} ${unit}`
    if (rules[most] !== undefined && size > Number(rules[most]))
      return `value length must be at most ${rules[most]} ${unit}`
  }
  return undefined
}

function checkContent(rules: Rules, value: string): string | undefined {
  if (rules['const'] !== undefined && value !== rules['const'])
    return `value must equal ${JSON.stringify(rules['const'])}`
  if (rules['prefix'] !== undefined && !value.startsWith(String(rules['prefix'])))
    return `value does not have prefix: ${rules['prefix']}`
  if (rules['suffix'] !== undefined && !value.endsWith(String(rules['suffix'])))
    return `value does not have suffix: ${rules['suffix']}`
  if (rules['contains'] !== undefined && !value.includes(String(rules['contains'])))
    return `value does not contain: ${rules['contains']}`
  if (rules['not_contains'] !== undefined && value.includes(String(rules['not_contains'])))
    return `value contains: ${rules['not_contains']}`
  const allowed = listOf(rules['in'])
  if (allowed !== undefined && !allowed.includes(value)) return `value must be in list [${allowed.join(', ')}]`
  const refused = listOf(rules['not_in'])
  return refused?.includes(value) === true ? `value must not be in list [${refused.join(', ')}]` : undefined
}

/** protoc-gen-validate's patterns for `well_known_regex`; the loose ones hold where the rule says `strict: false`. */
const wellKnownPatterns: Record<string, { strict: RegExp; loose: RegExp }> = {
  HTTP_HEADER_NAME: { strict: /^:?[0-9a-zA-Z!#$%&'*+-.^_|~`]+$/, loose: /^[^\u0000\u000A\u000D]*$/ },
  HTTP_HEADER_VALUE: { strict: /^[^\u0000-\u0008\u000A-\u001F\u007F]*$/, loose: /^[^\u0000\u000A\u000D]*$/ },
}

const compiledPatterns = new Map<string, RegExp>()

function checkFormat(rules: Rules, value: string): string | undefined {
  const wellKnown = rules['well_known_regex']
  if (wellKnown !== undefined) {
    const { strict, loose } = wellKnownPatterns[String(wellKnown)]
    const pattern = rules['strict'] === false ? loose : strict
    if (!pattern.test(value)) return `value does not match regex pattern "${pattern.source}"`
  }
  if (rules['pattern'] !== undefined) {
    const source = String(rules['pattern'])
    let pattern = compiledPatterns.get(source)
    // Patterns come from Envoy's API only, never from a configuration.
    pattern ??= new RegExp(source, 'u')
    compiledPatterns.set(source, pattern)
    if (!pattern.test(value)) return `value does not match regex pattern "${source}"`
  }
  if (rules['uri'] === true && !/^[a-zA-Z][\w+.-]*:\S+$/.test(value)) return 'value must be a valid absolute URI'
  if (rules['uri_ref'] === true && /\s/.test(value)) return 'value must be a valid URI'
  if (rules['hostname'] === true && !isHostname(value)) return 'value must be a valid hostname'
  if (rules['address'] === true && isIP(value) === 0 && !isHostname(value))
    return 'value must be a valid hostname, or ip address'
  if (rules['ip'] === true && isIP(value) === 0) return 'value must be a valid IP address'
  if (rules['ipv4'] === true && !isIPv4(value)) return 'value must be a valid IPv4 address'
  if (rules['ipv6'] === true && !isIPv6(value)) return 'value must be a valid IPv6 address'
  if (rules['email'] === true && !/^[^@\s]+@[^@\s]+$/.test(value)) return 'value must be a valid email address'
  const isUuid = /^[\da-fA-F]{8}(-[\da-fA-F]{4}){3}-[\da-fA-F]{12}$/.test(value)
  return rules['uuid'] === true && !isUuid ? 'value must be a valid UUID' : undefined
}

function isHostname(value: string): boolean {
  const name = value.endsWith('.') ? value.slice(0, -1) : value
  return name.length <= 253 && name.split('.').every((label) => /^(?!-)[a-zA-Z\d-]{1,63}(?<!-)$/.test(label))
}
