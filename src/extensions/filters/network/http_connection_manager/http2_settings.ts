// HTTP/2 settings of the downstream side.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../../../config/errors.ts'
import type { Http1Settings } from '../../../../http/codec/http1/settings.ts'
import type { Http2Settings } from '../../../../http/codec/http2/settings.ts'
import { http2Settings } from '../../../../http/codec/http2/settings_of_config.ts'

type Http2ProtocolOptions = envoy.config.core.v3.Http2ProtocolOptions

/** `limits`: what holds for requests of either version. */
export function downstreamHttp2Settings(
  options: Http2ProtocolOptions | undefined,
  limits: Pick<Http1Settings, 'maxHeadersBytes' | 'maxHeadersCount' | 'headersWithUnderscores'>,
  streamErrorOnInvalidHttpMessage: boolean,
  errors: ConfigErrors,
): Http2Settings {
  const { maxHeadersBytes, maxHeadersCount, headersWithUnderscores } = limits
  const streamErrorOnInvalidMessage = streamErrorOnInvalidHttpMessage
  return http2Settings(
    options,
    { maxHeadersBytes, maxHeadersCount, headersWithUnderscores, streamErrorOnInvalidMessage },
    errors,
  )
}
