// Substitution formats: text and JSON with command operators, compiled once and run for each line.

import { type FormatPiece, parseFormat } from './format_parser.ts'
import type { FormatterContext } from './formatter_context.ts'
import { escapeJson, jsonText, quoteJson, sortedEntries } from './json_text.ts'
import type { CommandParser } from './operator.ts'

export type { AccessLogType, FormatterContext } from './formatter_context.ts'
export { type CommandParser, FormatError } from './operator.ts'

export interface Formatter {
  /** The text of one stream, as a byte string (see json_text.ts): one UTF-16 unit a byte. */
  format(ctx: FormatterContext): string
}

export interface FormatOptions {
  /** An absent value is '' instead of '-' in text; in JSON its member is left out. */
  readonly omitEmptyValues?: boolean
  /** Operators that the extensions of `formatters` add. */
  readonly commandParsers?: readonly CommandParser[]
}

/** Envoy's default format of HTTP and TCP access logs. */
export const defaultAccessLogFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n'

type Read = (ctx: FormatterContext) => string | undefined

/** Compiles a text format. Throws FormatError with Envoy's message. */
export function compileFormat(format: string, options: FormatOptions = {}): Formatter {
  const pieces = parseFormat(format, options.commandParsers)
  return new TextFormatter(pieces, options.omitEmptyValues === true ? '' : '-')
}

/** As compileFormat, for header values: an absent value adds nothing. */
export function compileHeaderFormat(format: string, commandParsers: readonly CommandParser[] = []): Formatter {
  return compileFormat(format, { omitEmptyValues: true, commandParsers })
}

/**
 * Compiles a `json_format`: one line of JSON with a newline, keys in byte order. A string that is one operator gives
 * that operator's JSON value (null where absent), any other string with operators gives a string.
 */
export function compileJsonFormat(format: object, options: FormatOptions = {}): Formatter {
  if (options.omitEmptyValues === true) return new OmittingJsonFormatter(format, options.commandParsers ?? [])
  const template = new JsonTemplate(options.commandParsers ?? [])
  template.addValue(format)
  template.addLiteral('\n')
  return new TextFormatter(template.pieces(), 'null')
}

/** Literals and readers in turn: `literals[i]`, then the value of `reads[i]`, and one more literal at the end. */
class TextFormatter implements Formatter {
  readonly #literals: string[] = ['']
  readonly #reads: Read[] = []
  readonly #absent: string

  constructor(pieces: readonly (FormatPiece | Read)[], absent: string) {
    this.#absent = absent
    for (const piece of pieces) {
      if (typeof piece === 'string') this.#literals[this.#reads.length] += piece
      else {
        this.#reads.push(typeof piece === 'function' ? piece : piece.text)
        this.#literals.push('')
      }
    }
  }

  format(ctx: FormatterContext): string {
    const literals = this.#literals
    const reads = this.#reads
    let text = literals[0]
    for (let i = 0; i < reads.length; i++) text += (reads[i](ctx) ?? this.#absent) + literals[i + 1]
    return text
  }
}

/** Flattens a JSON value into literals and readers. */
class JsonTemplate {
  readonly #pieces: (string | Read)[] = []
  readonly #commandParsers: readonly CommandParser[]

  constructor(commandParsers: readonly CommandParser[]) {
    this.#commandParsers = commandParsers
  }

  pieces(): readonly (string | Read)[] {
    return this.#pieces
  }

  addLiteral(text: string): void {
    this.#pieces.push(text)
  }

  addValue(value: unknown): void {
    if (typeof value === 'string') {
      const parsed = compileString(value, this.#commandParsers, '-')
      this.#pieces.push(parsed)
    } else if (Array.isArray(value)) {
      this.#addList('[', ']', value, (member) => this.addValue(member))
    } else if (typeof value === 'object' && value !== null) {
      this.#addList('{', '}', sortedEntries(value), ([key, member]) => {
        this.addLiteral(`${quoteJson(key)}:`)
        this.addValue(member)
      })
    } else this.addLiteral(jsonText(value))
  }

  #addList<T>(open: string, close: string, members: readonly T[], add: (member: T) => void): void {
    this.addLiteral(open)
    for (const [i, member] of members.entries()) {
      if (i > 0) this.addLiteral(',')
      add(member)
    }
    this.addLiteral(close)
  }
}

/** A string of a JSON format: a literal with its quotes, or a reader of JSON. */
function compileString(format: string, commandParsers: readonly CommandParser[], absent: string): string | Read {
  const pieces = parseFormat(format, commandParsers)
  if (pieces.length === 0) return '""'
  if (pieces.length === 1) return typeof pieces[0] === 'string' ? quoteJson(pieces[0]) : pieces[0].json
  return (ctx) => {
    let text = '"'
    for (const piece of pieces) {
      text += escapeJson(typeof piece === 'string' ? piece : ((piece.raw ?? piece.text)(ctx) ?? absent))
    }
    return `${text}"`
  }
}

/** JSON with `omit_empty_values`: null members, and objects that end up empty, are left out; empty lists stay. */
class OmittingJsonFormatter implements Formatter {
  readonly #members: Read

  constructor(format: object, commandParsers: readonly CommandParser[]) {
    this.#members = omittingObject(format, commandParsers)
  }

  format(ctx: FormatterContext): string {
    return `${this.#members(ctx) ?? '{}'}\n`
  }
}

function omittingValue(value: unknown, commandParsers: readonly CommandParser[]): Read {
  if (typeof value === 'string') {
    const parsed = compileString(value, commandParsers, '')
    return typeof parsed === 'string' ? () => parsed : parsed
  }
  if (value === null) return () => undefined
  if (Array.isArray(value)) return omittingList(value, commandParsers)
  if (typeof value === 'object') return omittingObject(value, commandParsers)
  const text = jsonText(value)
  return () => text
}

function omittingList(values: readonly unknown[], commandParsers: readonly CommandParser[]): Read {
  const reads = values.map((value) => omittingValue(value, commandParsers))
  return (ctx) => {
    let text = ''
    for (const read of reads) {
      const value = read(ctx)
      if (value !== undefined) text += text === '' ? value : `,${value}`
    }
    return `[${text}]`
  }
}

function omittingObject(object: object, commandParsers: readonly CommandParser[]): Read {
  const members = sortedEntries(object).map(([key, member]) => ({
    prefix: `${quoteJson(key)}:`,
    read: omittingValue(member, commandParsers),
  }))
  return (ctx) => {
    let text = ''
    for (const member of members) {
      const value = member.read(ctx)
      if (value !== undefined) text += (text === '' ? member.prefix : `,${member.prefix}`) + value
    }
    return text === '' ? undefined : `{${text}}`
  }
}
