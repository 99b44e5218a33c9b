// A resource as a response carries it, to one that can be applied.

import { hash } from 'node:crypto'
import { monotonicMs } from '../common/clock.ts'
import { checkFields } from '../config/check_fields.ts'
import type { RawResource } from '../config/discovery_messages.ts'
import { ConfigErrors, type ConfigIssue } from '../config/errors.ts'
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
function readResource(
  raw: RawResource,
  contentHash: string,
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
    hash: contentHash,
  })
}

/** How long resources are read before others have a turn: one response may hold ten thousand. */
const sliceMs = 10

/** Reads the resources of one type; those that are the same as in the last response it does not read again. */
export class ResourceReader {
  readonly #type: ResourceType
  readonly #options: ReadOptions
  #known = new Map<string, KnownResource>()

  constructor(type: ResourceType, options: ReadOptions) {
    this.#type = type
    this.#options = options
  }

  /** Rejects where one of them cannot be read at all. MUST all have a body. */
  async read(resources: readonly RawResource[], responseVersion: string): Promise<DiscoveredResource[]> {
    const next = new Map<string, KnownResource>()
    const found: DiscoveredResource[] = []
    let sliceStart = monotonicMs()
    for (const raw of resources) {
      if (monotonicMs() - sliceStart > sliceMs) {
        await new Promise((resolve) => setImmediate(resolve))
        sliceStart = monotonicMs()
      }
      const contentHash = hash('sha1', raw.bytes ?? new Uint8Array(0), 'base64')
      const key = `${raw.name} ${contentHash}`
      const known = this.#known.get(key)
      const resource =
        known === undefined
          ? readResource(raw, contentHash, this.#type, responseVersion, this.#options)
          : renewed(known, raw, responseVersion)
      next.set(key, known ?? { resource, issues: [...resource.errors.issues] })
      found.push(resource)
    }
    this.#known = next
    return found
  }
}

interface KnownResource {
  readonly resource: DiscoveredResource
  /** What reading it has found, without what others have added. */
  readonly issues: readonly ConfigIssue[]
}

function renewed({ resource, issues }: KnownResource, raw: RawResource, responseVersion: string): DiscoveredResource {
  const errors = new ConfigErrors(resource.name)
  errors.issues.push(...issues)
  const { aliases, ttlMs, version } = raw
  return { ...resource, aliases, ttlMs, version: version || responseVersion, errors }
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
