// What a table of known fields is made of.

/** Fields by their snake_case names. A field in no list is refused where a configuration sets it. */
export interface FieldUse {
  /** The proxy does what the field says. */
  readonly acts: readonly string[]
  /** The field changes nothing that matters to traffic: it is accepted with one warning. */
  readonly harmless?: readonly string[]
  /** Envoy makes nothing of the field either, and everybody sets it: it is accepted without a word. */
  readonly meaningless?: readonly string[]
}

/** By the full name of a message. */
export type FieldTable = Readonly<Record<string, FieldUse>>

/** Splits a list written as words. */
export function words(text: string): string[] {
  return text.trim().split(/\s+/)
}
