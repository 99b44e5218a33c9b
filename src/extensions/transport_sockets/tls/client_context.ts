// What all TLS connections of one upstream context share while its certificates stay as they are.

import { constants } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../../config/errors.ts'
import type { CertificateInfo } from '../../../network/tls/certificate_info.ts'
import type { CertificateValidator } from '../../../network/tls/certificate_validator.ts'
import { certificateContext, type LoadedTlsContext } from '../../../network/tls/tls_context.ts'
import { SessionCache } from './session_cache.ts'

type UpstreamTlsContext = envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext

const defaultMaxSessionKeys = 1

export interface ClientContext {
  readonly secureContext: SecureContext
  readonly validator: CertificateValidator
  readonly alpnProtocols: readonly string[]
  readonly sessions: SessionCache
  /** What the server is shown where it asks. */
  readonly certificate: CertificateInfo | undefined
}

/** Undefined, with an error at `view`, where it cannot be used. */
export function createClientContext(
  loaded: LoadedTlsContext,
  view: UpstreamTlsContext,
  errors: ConfigErrors,
): ClientContext | undefined {
  const { protocol, certificates, validator, alpnProtocols } = loaded
  const { secureOptions } = protocol.options
  const kept = view.allowRenegotiation ? ~constants.SSL_OP_NO_RENEGOTIATION : -1
  let secureContext: SecureContext
  try {
    secureContext = certificateContext(loaded, certificates[0], protocol, {
      secureOptions: secureOptions & kept,
    })
  } catch (error) {
    errors.add(view, undefined, `Failed to initialize the TLS context: ${(error as Error).message}`)
    return undefined
  }
  const sessions = new SessionCache(view.maxSessionKeys ?? defaultMaxSessionKeys)
  return { secureContext, validator, alpnProtocols, sessions, certificate: certificates[0]?.leaf }
}
