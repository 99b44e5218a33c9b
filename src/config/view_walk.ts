// Walks a message's view and everything below it.
import { type FieldSchema, type MessageSchema, messageSchema } from './schema.ts'

/** One message met: its view, and whether the API's rules hold for it. */
export interface VisitedMessage {
  readonly view: Record<string, unknown>
  readonly schema: MessageSchema
  /** False in metadata, which no extension's factory reads and validates, and below a field with the rule `skip`. */
  readonly isValidated: boolean
  /** It lies in an Any, or below one. */
  readonly isInExtension: boolean
}

/** Calls `visit` for the message and every message below it, typed configs included, parents first. */
export function walkMessages(
  schema: MessageSchema,
  view: Record<string, unknown>,
  visit: (message: VisitedMessage) => void,
): void {
  walk({ view, schema, isValidated: true, isInExtension: false }, visit)
}

function walk(message: VisitedMessage, visit: (message: VisitedMessage) => void): void {
  visit(message)
  for (const field of message.schema.fields) {
    if (field.kind !== 'message') continue
    const isSkipped = field.name === 'typed_filter_metadata' || field.rules?.['message']?.['skip'] === true
    const isValidated = message.isValidated && !isSkipped
    const isInExtension = message.isInExtension || field.message().wellKnown === 'any'
    for (const element of elementsOf(field, message.view[field.viewName])) {
      const inner = messageIn(field, element)
      if (inner !== undefined) walk({ ...inner, isValidated, isInExtension }, visit)
    }
  }
}

/** A field's values as a list: one, all of a list, or all of a map. */
export function elementsOf(field: FieldSchema, value: unknown): unknown[] {
  if (value === undefined) return []
  if (field.repeated) return value as unknown[]
  return field.mapKey === undefined ? [value] : Object.values(value as Record<string, unknown>)
}

/** The message that a field's element is: itself, or the one inside its Any; undefined for well-known types. */
export function messageIn(
  field: FieldSchema,
  element: unknown,
): { view: Record<string, unknown>; schema: MessageSchema } | undefined {
  let schema: MessageSchema | undefined = field.message()
  let view = element
  while (schema?.wellKnown === 'any') {
    const typed = view as { typeUrl: string; value: unknown } | undefined
    if (typed === undefined || typed.typeUrl === '') return undefined
    schema = messageSchema(typed.typeUrl)
    view = typed.value
  }
  if (schema === undefined || schema.wellKnown !== undefined || view === undefined) return undefined
  return { view: view as Record<string, unknown>, schema }
}
