// The headers of calls: a GrpcService's `initial_metadata`, and what Envoy says of itself to clusters.

import { Metadata } from '@grpc/grpc-js'
import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'

type HeaderValue = envoy.config.core.v3.HeaderValue

/** `more` are headers that stand behind those of the configuration. */
export function callMetadata(
  initial: readonly HeaderValue[],
  more: Readonly<Record<string, string>>,
  errors: ConfigErrors,
): Metadata {
  const metadata = new Metadata()
  for (const header of initial) {
    const { key, value, rawValue } = header
    try {
      if (key.toLowerCase().endsWith('-bin')) metadata.add(key, Buffer.from(rawValue.length > 0 ? rawValue : value))
      else metadata.add(key, rawValue.length > 0 ? Buffer.from(rawValue).toString('latin1') : value)
    } catch (error) {
      errors.add(header, 'key', `Illegal gRPC metadata: ${(error as Error).message}`)
    }
  }
  for (const [key, value] of Object.entries(more)) metadata.set(key, value)
  return metadata
}
