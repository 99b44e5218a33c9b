// Paths of field names, as templates and query parameters write them.

import type { FieldDescriptor, MessageDescriptor } from '../../../../config/dynamic/descriptors.ts'
import { urlUnescape } from './url_unescape.ts'

/** A path that leads to no field. The message is Envoy's. */
export class FieldPathError extends Error {}

/** The fields along a path of JSON names or declared names, percent-encoded or not. Throws FieldPathError. */
export function resolveFieldPath(message: MessageDescriptor, names: readonly string[]): FieldDescriptor[] {
  const path: FieldDescriptor[] = []
  let current = message
  for (let i = 0; i < names.length; i++) {
    const field = current.field(names[i]) ?? current.field(urlUnescape(names[i], 'ALL_CHARACTERS'))
    if (field === undefined)
      throw new FieldPathError(`Could not find field "${names[i]}" in the type "${current.fullName}".`)
    path.push(field)
    if (i === names.length - 1) break
    if (field.kind !== 'message') {
      throw new FieldPathError(
        `Encountered a non-leaf field "${field.name}" that is not a message while parsing a field path`,
      )
    }
    current = field.message!
  }
  return path
}
