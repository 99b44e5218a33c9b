// One command operator (`%NAME(argument):LENGTH%`) after compilation, and the makers of the usual kinds.

import type { FormatterContext } from './formatter_context.ts'
import { byteString, escapeControls, jsonText, quoteJson } from './json_text.ts'

/** Reads one value of a stream. Both answers are byte strings, undefined where there is no value. */
export interface Operator {
  /** The value inside text. */
  readonly text: (ctx: FormatterContext) => string | undefined
  /** The value inside a JSON string, where that differs: JSON escapes by itself what `text` has made visible. */
  readonly raw?: (ctx: FormatterContext) => string | undefined
  /** The value as JSON, where it stands alone in a JSON string; undefined becomes null. */
  readonly json: (ctx: FormatterContext) => string | undefined
}

/** A format that cannot be compiled. The message is Envoy's where Envoy has one. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
}

/** How one operator name is to be used, and its compilation. */
export interface OperatorSpec {
  readonly argument: 'none' | 'optional' | 'required'
  /** Whether `:LENGTH` may follow. */
  readonly length: boolean
  /** `argument` is '' where none was given. Throws FormatError. */
  readonly make: (argument: string, maxLength: number | undefined) => Operator
}

/** Looks up operators that an extension of `formatters` adds; undefined where the name is not its own. */
export type CommandParser = (name: string, argument: string, maxLength: number | undefined) => Operator | undefined

type Read<T> = (ctx: FormatterContext) => T | undefined

/** An operator whose value is a byte string. */
export function textOperator(read: Read<string>, maxLength?: number): Operator {
  const text = maxLength === undefined ? read : truncated(read, maxLength)
  return {
    text,
    json: (ctx) => {
      const value = text(ctx)
      return value === undefined ? undefined : quoteJson(value)
    },
  }
}

/** An operator whose value may hold control characters: in text they are made visible, so that none ends the line. */
export function decodedTextOperator(read: Read<string>, maxLength?: number): Operator {
  const operator = textOperator(read, maxLength)
  return {
    ...operator,
    raw: operator.text,
    text: (ctx) => {
      const value = operator.text(ctx)
      return value === undefined ? undefined : escapeControls(value)
    },
  }
}

/** An operator whose value is Unicode text that came from configuration. */
export function configuredTextOperator(read: Read<string>, maxLength?: number): Operator {
  return textOperator((ctx) => {
    const value = read(ctx)
    return value === undefined || value === '' ? undefined : byteString(value)
  }, maxLength)
}

/** An operator whose value is an integer; NaN counts as absent. */
export function numberOperator(read: Read<number>): Operator {
  const text = (ctx: FormatterContext): string | undefined => {
    const value = read(ctx)
    return value === undefined || Number.isNaN(value) ? undefined : String(value)
  }
  return { text, json: text }
}

/** An operator whose value is JSON: in text, a string stands bare and anything else as JSON. A length cuts strings. */
export function valueOperator(read: Read<unknown>, maxLength?: number): Operator {
  const text = (ctx: FormatterContext): string | undefined => {
    const value = read(ctx)
    if (value === undefined || value === null) return undefined
    return typeof value === 'string' ? byteString(value) : jsonText(value)
  }
  return {
    ...decodedTextOperator(text, maxLength),
    json: (ctx) => {
      const value = read(ctx)
      if (value === undefined || value === null) return undefined
      if (typeof value !== 'string' || maxLength === undefined) return jsonText(value)
      return quoteJson(byteString(value).slice(0, maxLength))
    },
  }
}

/** Specs of the two commonest uses. */
export function plainText(read: Read<string>): OperatorSpec {
  return { argument: 'none', length: false, make: () => textOperator(read) }
}

export function plainConfiguredText(read: Read<string>): OperatorSpec {
  return { argument: 'none', length: false, make: () => configuredTextOperator(read) }
}

export function plainNumber(read: Read<number>): OperatorSpec {
  return { argument: 'none', length: false, make: () => numberOperator(read) }
}

function truncated(read: Read<string>, maxLength: number): Read<string> {
  return (ctx) => read(ctx)?.slice(0, maxLength)
}
