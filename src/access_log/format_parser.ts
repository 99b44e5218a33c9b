// Splits a format string into literals and command operators.

import { byteString } from './json_text.ts'
import { type CommandParser, FormatError, type Operator } from './operator.ts'
import { operatorSpecs } from './operators/all.ts'

/** A piece of a format: a literal as a byte string, or an operator. */
export type FormatPiece = string | Operator

/** A length is an unsigned 64-bit integer. */
const LONGEST = 2n ** 64n - 1n

// The argument ends at the first parenthesis after which the operator can end, as in Envoy: it may hold others.
const command = /%([A-Z0-9_]+)(?:\(([^\n]*?)\))?(?::([0-9]+))?%/y

/** Parses a format (Unicode text). Throws FormatError with Envoy's message. Adjacent literals are one piece. */
export function parseFormat(format: string, commandParsers: readonly CommandParser[] = []): FormatPiece[] {
  const pieces: FormatPiece[] = []
  let literal = ''
  let position = 0
  while (position < format.length) {
    const percent = format.indexOf('%', position)
    if (percent < 0) {
      literal += format.slice(position)
      break
    }
    literal += format.slice(position, percent)
    if (format.charCodeAt(percent + 1) === 0x25) {
      literal += '%'
      position = percent + 2
      continue
    }
    command.lastIndex = percent
    const match = command.exec(format)
    if (match === null || BigInt(match[3] ?? 0) > LONGEST) {
      const offset = Buffer.byteLength(format.slice(0, percent))
      throw new FormatError(`Incorrect configuration: ${format}. Couldn't find valid command at position ${offset}`)
    }
    if (literal !== '') pieces.push(byteString(literal))
    literal = ''
    pieces.push(
      createOperator(match[1], match[2] ?? '', match[3] === undefined ? undefined : Number(match[3]), commandParsers),
    )
    position = command.lastIndex
  }
  if (literal !== '') pieces.push(byteString(literal))
  return pieces
}

/** The operator of one name, an extension's before a built-in one. Throws FormatError. */
export function createOperator(
  name: string,
  argument: string,
  maxLength: number | undefined,
  commandParsers: readonly CommandParser[] = [],
): Operator {
  for (const parser of commandParsers) {
    const operator = parser(name, argument, maxLength)
    if (operator !== undefined) return operator
  }
  if (name === 'COALESCE') return coalesce(argument, commandParsers)
  const spec = operatorSpecs.get(name)
  if (spec === undefined) throw new FormatError(`Not supported field in StreamInfo: ${name}`)
  if (spec.argument === 'none' && (argument !== '' || maxLength !== undefined)) {
    throw new FormatError(`${name} does not take any parameters or length`)
  }
  if (spec.argument === 'required' && argument === '') throw new FormatError(`${name} requires parameters`)
  if (!spec.length && maxLength !== undefined) {
    throw new FormatError(`${name} does not allow length to be specified.`)
  }
  return spec.make(argument, maxLength)
}

/** COALESCE({"operators":[...]}): the first operator with a value, each a name or {command, param, max_length}. */
function coalesce(argument: string, commandParsers: readonly CommandParser[]): Operator {
  if (argument === '') throw new FormatError('COALESCE requires parameters')
  const operators = coalesceEntries(argument).map((entry, index) => {
    try {
      return coalesceOperator(entry, commandParsers)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      throw new FormatError(`COALESCE: failed to parse operator at index ${index}: ${error.message}`)
    }
  })
  return {
    text: (ctx) => {
      for (const operator of operators) {
        const value = operator.text(ctx)
        if (value !== undefined) return value
      }
      return undefined
    },
    raw: (ctx) => {
      for (const operator of operators) {
        const value = (operator.raw ?? operator.text)(ctx)
        if (value !== undefined) return value
      }
      return undefined
    },
    json: (ctx) => {
      for (const operator of operators) {
        const value = operator.json(ctx)
        if (value !== undefined) return value
      }
      return undefined
    },
  }
}

function coalesceEntries(argument: string): unknown[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(argument)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new FormatError(`COALESCE: failed to parse JSON configuration: JSON supplied is not valid. ${reason}`)
  }
  if (typeof parsed !== 'object' || parsed === null || !('operators' in parsed)) {
    throw new FormatError("COALESCE: JSON configuration must contain 'operators' array")
  }
  if (!Array.isArray(parsed.operators)) throw new FormatError("COALESCE: 'operators' must be an array")
  if (parsed.operators.length === 0) throw new FormatError("COALESCE: 'operators' array must not be empty")
  return parsed.operators
}

function coalesceOperator(entry: unknown, commandParsers: readonly CommandParser[]): Operator {
  if (typeof entry === 'string') return coalesceCommand(entry, '', undefined, commandParsers)
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    throw new FormatError("operator entry must be either a string (command name) or an object with 'command' field")
  }
  const { command: name, param, max_length: maxLength } = entry as Record<string, unknown>
  if (typeof name !== 'string') throw new FormatError("operator object must have 'command' field")
  if (param !== undefined && typeof param !== 'string') throw new FormatError("'param' field must be a string")
  if (maxLength !== undefined && !(typeof maxLength === 'number' && Number.isInteger(maxLength))) {
    throw new FormatError("'max_length' field must be an integer")
  }
  if (typeof maxLength === 'number' && maxLength <= 0) throw new FormatError("'max_length' must be a positive integer")
  return coalesceCommand(name, param ?? '', maxLength, commandParsers)
}

function coalesceCommand(
  name: string,
  argument: string,
  maxLength: number | undefined,
  commandParsers: readonly CommandParser[],
): Operator {
  const known = name === 'COALESCE' || operatorSpecs.has(name)
  if (!known && !commandParsers.some((parser) => parser(name, argument, maxLength) !== undefined)) {
    throw new FormatError(`unknown command: '${name}'`)
  }
  return createOperator(name, argument, maxLength, commandParsers)
}
