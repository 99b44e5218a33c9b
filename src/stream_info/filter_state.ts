// Objects that filters leave in the filter state of a stream, as logs and matchers read them.

/** What an object may offer to readers that do not know its kind. Strings and numbers stand there as they are. */
export interface FilterStateObject {
  serializeAsString?(): string | undefined
  /** JSON for TYPED; without it the string is used. */
  serializeAsJson?(): unknown
  /** As a message, for logs that are messages themselves. */
  serializeAsProto?(): FilterStateMessage
  getField?(name: string): string | number | undefined
}

/** A message by its bare name, and its view. */
export interface FilterStateMessage {
  readonly typeUrl: string
  readonly value: unknown
}

export function isFilterStateObject(object: unknown): object is FilterStateObject {
  return typeof object === 'object' && object !== null
}

/** The object as text; undefined where it has none, or is not there. */
export function filterStateText(object: unknown): string | undefined {
  if (typeof object === 'string') return object
  if (typeof object === 'number' || typeof object === 'boolean' || typeof object === 'bigint') return String(object)
  return isFilterStateObject(object) ? object.serializeAsString?.() : undefined
}

/** The object as a message; undefined where it is none, or is not there. */
export function filterStateMessage(object: unknown): FilterStateMessage | undefined {
  return isFilterStateObject(object) ? object.serializeAsProto?.() : undefined
}

/** One field of the object. */
export function filterStateField(object: unknown, field: string): string | undefined {
  const value = isFilterStateObject(object) ? object.getField?.(field) : undefined
  return value === undefined ? undefined : String(value)
}
