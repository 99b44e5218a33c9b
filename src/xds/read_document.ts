// Resources that come as text: of a file, or of a REST service.

import { hash } from 'node:crypto'
import type { envoy, TypedConfig } from '../../proto/generated/api.d.ts'
import { ConfigErrors } from '../config/errors.ts'
import type { ResourceDocument } from '../config/load.ts'
import { encodeMessage } from '../config/wire_encode.ts'
import { discoveredResource, type ResourceFacts } from './read_resource.ts'
import { type ResourceType, typeUrlOf } from './resource_types.ts'
import type { DiscoveredResource } from './subscription.ts'

const wrapper = 'envoy.service.discovery.v3.Resource'

/**
 * The resources of a document, each with what `issues` has of it. Throws, for the whole document, where one is of another
 * type or something beside them is wrong.
 */
export function readDocument(
  { resources, versionInfo }: ResourceDocument,
  type: ResourceType,
  issues: ConfigErrors,
): DiscoveredResource[] {
  const outside = issues.errors.find(({ path }) => !path.startsWith('resources['))
  if (outside !== undefined) throw new Error(outside.message)
  return resources.map((typed, index) => {
    const errors = new ConfigErrors()
    const place = `resources[${index}]`
    for (const issue of issues.issues) {
      if (issue.path === place || issue.path.startsWith(`${place}.`)) errors.issues.push(issue)
    }
    return readTyped(typed, type, versionInfo, errors)
  })
}

function readTyped(typed: TypedConfig, type: ResourceType, version: string, errors: ConfigErrors): DiscoveredResource {
  if (typed.typeUrl === wrapper) {
    const { name, aliases, ttl, resource, version: own } = typed.value as envoy.service.discovery.v3.Resource
    if (resource !== undefined) {
      return readBody(resource, type, errors, { name, aliases, ttlMs: ttl, version: own === '' ? version : own })
    }
  }
  return readBody(typed, type, errors, { name: '', aliases: [], ttlMs: undefined, version })
}

function readBody(
  { typeUrl, value }: TypedConfig,
  type: ResourceType,
  errors: ConfigErrors,
  facts: Omit<ResourceFacts, 'hash'>,
): DiscoveredResource {
  if (typeUrl !== type.name) throw new Error(`Unable to unpack as ${type.name}: it is ${typeUrlOf(typeUrl)}`)
  const view = value as Record<string, unknown>
  return discoveredResource(view, type, errors, { ...facts, hash: hashOf(view, type) })
}

/** Types that are unknown have no binary form. */
function hashOf(view: object, type: ResourceType): string {
  try {
    return hash('sha1', encodeMessage(type.name, view), 'base64')
  } catch {
    return hash('sha1', JSON.stringify(view), 'base64')
  }
}
