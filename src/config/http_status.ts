// HTTP status codes of a configuration, which Envoy's API has as an enum.

import type { envoy } from '../../proto/generated/api.d.ts'
import { messageSchema } from './schema.ts'

/** The number of a status. */
export function httpStatusCode(view: envoy.type.v3.HttpStatus): number {
  return messageSchema('envoy.type.v3.HttpStatus')?.field('code')?.enum().numberOf.get(view.code) ?? 0
}
