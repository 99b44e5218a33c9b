// Warns of deprecated fields and enum values, and refuses those that Envoy disallows by default.
import type { ConfigErrors } from './errors.ts'
import type { FieldSchema, MessageSchema } from './schema.ts'
import { elementsOf, walkMessages } from './view_walk.ts'

/** Reports on a message and everything below it, typed configs included. */
export function checkDeprecatedFields(
  schema: MessageSchema,
  view: Record<string, unknown>,
  errors: ConfigErrors,
): void {
  walkMessages(schema, view, (message) => {
    for (const field of message.schema.fields) {
      const value = message.view[field.viewName]
      // A deprecated default is reported even where the field is left out.
      if (field.kind === 'enum' && !field.hasPresence) {
        for (const name of elementsOf(field, value)) reportValue(message.view, field, String(name), errors)
      }
      if (field.deprecated && field.isSet(value)) reportField(message.view, field, errors)
    }
  })
}

function reportField(view: Record<string, unknown>, field: FieldSchema, errors: ConfigErrors): void {
  const name = `${field.parent.fullName}.${field.name}`
  if (field.disallowed)
    errors.add(view, field.viewName, `Using the now-disallowed deprecated option '${name}'`, { atKey: true })
  else errors.warn(view, field.viewName, `Using deprecated option '${name}'`, { atKey: true })
}

function reportValue(view: Record<string, unknown>, field: FieldSchema, name: string, errors: ConfigErrors): void {
  const schema = field.enum()
  if (!schema.deprecated.has(name)) return
  const isDefault = !field.isSet(view[field.viewName])
  const place = isDefault ? undefined : field.viewName
  const text = `${isDefault ? 'the default ' : ''}value ${name} for enum '${field.parent.fullName}.${field.name}'`
  if (schema.disallowed.has(name)) errors.add(view, place, `Using the now-disallowed deprecated ${text}`)
  else errors.warn(view, place, `Using deprecated ${text}`)
}
