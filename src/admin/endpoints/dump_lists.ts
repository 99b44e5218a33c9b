// What the parts of /config_dump share.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { timestampText } from '../../config/proto_json.ts'

/** Says which resources to show, by their names. */
export type IncludesName = (name: string) => boolean

/** Lists and texts that are empty are left out, as protobuf prints. */
export function withoutEmpty(fields: Readonly<Record<string, JsonObject[] | string>>): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value.length > 0))
}

/** A resource in force, with the version in which it last changed; '' for a static one. */
export function versioned(version: string, field: string, resource: JsonObject, lastUpdatedMs: number): JsonObject {
  return { ...withoutEmpty({ version_info: version }), [field]: resource, last_updated: timestampText(lastUpdatedMs) }
}
