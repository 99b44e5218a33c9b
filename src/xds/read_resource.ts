// A resource as a response carries it, to one that can be applied.

import { hash } from 'node:crypto'
import { checkFields } from '../config/check_fields.ts'
import type { RawResource } from '../config/discovery_messages.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { decodeResource } from '../config/load.ts'
import { messageSchema } from '../config/schema.ts'
import type { UnknownFields } from '../config/wire.ts'
import type { ResourceType } from './resource_types.ts'
import type { DiscoveredResource } from './subscription.ts'
import { canonicalName } from './xdstp_name.ts'

/** How resources are read: what the command line says of them. */
export interface ReadOptions {
  readonly unknownFields: UnknownFields
  readonly skipDeprecatedLogs: boolean
}

type View = Record<string, unknown>

/** Throws where its bytes cannot be read at all. MUST have a body. */
export function readResource(
  raw: RawResource,
  type: ResourceType,
  responseVersion: string,
  options: ReadOptions,
): DiscoveredResource {
  const bytes = raw.bytes ?? new Uint8Array(0)
  const { value, issues } = decodeResource(type.name, bytes, { ...options, name: raw.name || type.name })
  if (value === undefined) throw new Error(issues.errors.map(({ message }) => message).join('; '))
  return discoveredResource(value as View, type, issues, {
    name: raw.name,
    aliases: raw.aliases,
    version: raw.version || responseVersion,
    ttlMs: raw.ttlMs,
    hash: hash('sha1', bytes, 'base64'),
  })
}

/** What is not in the message. */
export type ResourceFacts = Pick<DiscoveredResource, 'name' | 'aliases' | 'version' | 'ttlMs' | 'hash'>

/** Checks the message for what the proxy would not act on. */
export function discoveredResource(
  view: View,
  type: ResourceType,
  errors: ConfigErrors,
  facts: ResourceFacts,
): DiscoveredResource {
  checkFields(messageSchema(type.name)!, view, errors)
  const name = facts.name || String(view[type.nameField] ?? '')
  return { ...facts, name: canonicalName(name), typeUrl: type.name, view, errors }
}

/** What keeps a resource from being used, as one line for a NACK; undefined for nothing. */
export function describeErrors({ errors }: ConfigErrors): string | undefined {
  if (errors.length === 0) return undefined
  return errors
    .map(({ path, message, expected, suggestion }) => {
      const place = path === '' ? '' : ` (at ${path})`
      const hints = [expected && `expected ${expected}`, suggestion && `did you mean '${suggestion}'?`].filter(Boolean)
      return `${message}${place}${hints.length === 0 ? '' : `; ${hints.join('; ')}`}`
    })
    .join('; ')
}
