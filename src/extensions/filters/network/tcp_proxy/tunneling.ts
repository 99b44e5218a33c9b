// `tunneling_config`: what the request that opens a tunnel says, and what is kept of the answer to it.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { compileFormat } from '../../../../access_log/formatter.ts'
import { unansweredContext } from '../../../../access_log/formatter_context.ts'
import { compileAt, type FormatContext } from '../../../../access_log/substitution_format.ts'
import { HeaderMap } from '../../../../common/header_map.ts'
import { compileRequestHeaderParser } from '../../../../router/header_parser.ts'
import type { FilterStateMessage } from '../../../../stream_info/filter_state.ts'
import type { StreamInfo } from '../../../../stream_info/stream_info.ts'

type TunnelingConfig = envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TunnelingConfig

/** Filter state in which the answer to a tunnel's request is kept, for logs. */
const responseHeadersState = 'envoy.tcp_proxy.propagate_response_headers'
const responseTrailersState = 'envoy.tcp_proxy.propagate_response_trailers'

export interface TunnelSettings {
  /** The request's head; `isSecure`: it travels encrypted. */
  head(streamInfo: StreamInfo, isSecure: boolean): HeaderMap
  keepHeaders(streamInfo: StreamInfo, headers: HeaderMap): void
  keepTrailers(streamInfo: StreamInfo, trailers: HeaderMap): void
}

/** Undefined where the configuration is wrong: the reason is in `context.errors`. */
export function compileTunneling(view: TunnelingConfig, context: FormatContext): TunnelSettings | undefined {
  const { errors } = context
  if (view.postPath !== '' && !view.usePost)
    errors.add(view, 'postPath', "Can't set a post path when POST method isn't used")
  const additions = {
    requestHeadersToAdd: view.headersToAdd,
    requestHeadersToRemove: [],
    responseHeadersToAdd: [],
    responseHeadersToRemove: [],
  }
  const changes = compileRequestHeaderParser(additions, errors)
  const hostname = compileAt(view, 'hostname', errors, () => compileFormat(view.hostname))
  if (hostname === undefined) return undefined
  return {
    head(streamInfo, isSecure) {
      const context = unansweredContext(streamInfo)
      const headers = new HeaderMap()
      headers.method = view.usePost ? 'POST' : 'CONNECT'
      headers.authority = hostname.format(context)
      if (view.usePost) {
        headers.path = view.postPath === '' ? '/' : view.postPath
        headers.scheme = isSecure ? 'https' : 'http'
      }
      changes?.evaluate(headers, context)
      return headers
    },
    keepHeaders(streamInfo, headers) {
      if (!view.propagateResponseHeaders) return
      streamInfo.filterState.set(responseHeadersState, new KeptHeaders(headers))
    },
    keepTrailers(streamInfo, trailers) {
      if (!view.propagateResponseTrailers) return
      streamInfo.filterState.set(responseTrailersState, new KeptHeaders(trailers))
    },
  }
}

/** Shown as envoy.config.core.v3.HeaderMap. */
class KeptHeaders {
  readonly #headers: readonly { readonly key: string; readonly value: string }[]

  constructor({ status, names, values }: HeaderMap) {
    const fields = names.map((key, index) => ({ key, value: values[index] }))
    this.#headers = status === 0 ? fields : [{ key: ':status', value: String(status) }, ...fields]
  }

  serializeAsJson(): unknown {
    return { headers: this.#headers }
  }

  serializeAsProto(): FilterStateMessage {
    return { typeUrl: 'envoy.config.core.v3.HeaderMap', value: this.serializeAsJson() }
  }
}
