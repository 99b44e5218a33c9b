// What every resource is checked for, whatever it is.

import { checkFields } from '../config/check_fields.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { messageSchema } from '../config/schema.ts'

/** Refuses fields that this proxy would not act on. */
export function checkResource(typeUrl: string, view: object, errors: ConfigErrors): void {
  const schema = messageSchema(typeUrl)
  if (schema !== undefined) checkFields(schema, view as Record<string, unknown>, errors)
}

/** In one line, as it goes into a NACK. */
export function errorText(errors: ConfigErrors): string {
  return errors.errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
}
