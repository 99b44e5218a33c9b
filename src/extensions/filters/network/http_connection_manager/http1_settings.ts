// HTTP/1 settings of the downstream side.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { Http1CodecStats } from '../../../../http/codec/http1/server_codec.ts'
import type { Http1Settings } from '../../../../http/codec/http1/settings.ts'
import { headerKeySettings } from '../../../../http/codec/http1/settings_of_config.ts'
import type { Scope } from '../../../../stats/store.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'

type Http1ProtocolOptions = envoy.config.core.v3.Http1ProtocolOptions
type HttpProtocolOptions = envoy.config.core.v3.HttpProtocolOptions

const defaultMaxHeadersKb = 60
const defaultMaxHeadersCount = 100

export function downstreamHttp1Settings(
  options: Http1ProtocolOptions | undefined,
  common: HttpProtocolOptions | undefined,
  maxRequestHeadersKb: number | undefined,
  streamErrorOnInvalidHttpMessage: boolean,
  context: ServerContext,
): Http1Settings {
  const runtimeKb = context.runtime.getInteger(
    'envoy.reloadable_features.max_request_headers_size_kb',
    defaultMaxHeadersKb,
  )
  const runtimeCount = context.runtime.getInteger(
    'envoy.reloadable_features.max_request_headers_count',
    defaultMaxHeadersCount,
  )
  return {
    allowAbsoluteUrl: options?.allowAbsoluteUrl ?? true,
    acceptHttp10: options?.acceptHttp10 ?? false,
    defaultHostForHttp10: options?.defaultHostForHttp10 ?? '',
    enableTrailers: options?.enableTrailers ?? false,
    ...headerKeySettings(options, context.errors),
    allowChunkedLength: options?.allowChunkedLength ?? false,
    allowCustomMethods: options?.allowCustomMethods ?? false,
    sendFullyQualifiedUrl: false,
    streamErrorOnInvalidHttpMessage:
      options?.overrideStreamErrorOnInvalidHttpMessage ?? streamErrorOnInvalidHttpMessage,
    maxHeadersBytes: (maxRequestHeadersKb ?? runtimeKb) * 1024,
    maxHeadersCount: common?.maxHeadersCount ?? runtimeCount,
    headersWithUnderscores: common?.headersWithUnderscoresAction ?? 'ALLOW',
  }
}

export function http1CodecStats(scope: Scope): Http1CodecStats {
  return {
    droppedHeadersWithUnderscores: scope.counter('http1.dropped_headers_with_underscores'),
    requestsRejectedWithUnderscores: scope.counter('http1.requests_rejected_with_underscores_in_headers'),
    metadataNotSupported: scope.counter('http1.metadata_not_supported_error'),
    responseFlood: scope.counter('http1.response_flood'),
  }
}
