// envoy.filters.listener.tls_inspector: server name, protocols and fingerprints of TLS clients, for filter chain match and logs.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { ListenerFactoryContext, ListenerFilterConfigFactory } from '../../../../network/factory.ts'
import type { ListenerFilterFactoryCb } from '../../../../network/listener_filter.ts'
import { TlsInspector, type TlsInspectorSettings } from './tls_inspector.ts'

type TlsInspectorView = envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector

/** A ClientHello may be as large as a TLS record. */
const clientHelloLimitBytes = 16 * 1024

export const tlsInspector: ListenerFilterConfigFactory<TlsInspectorView> = {
  category: 'envoy.filters.listener',
  name: 'envoy.filters.listener.tls_inspector',
  typeUrls: ['envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector'],
  createFilterFactory(config: TlsInspectorView, context: ListenerFactoryContext): ListenerFilterFactoryCb {
    const scope = context.scope.createScope('tls_inspector')
    const maxClientHelloBytes = config.maxClientHelloSize ?? clientHelloLimitBytes
    const settings: TlsInspectorSettings = {
      ja3: config.enableJa3Fingerprinting ?? false,
      ja4: config.enableJa4Fingerprinting ?? false,
      closeOnParsingErrors: config.closeConnectionOnClientHelloParsingErrors,
      initialReadBytes: Math.min(config.initialReadBufferSize ?? maxClientHelloBytes, maxClientHelloBytes),
      maxClientHelloBytes,
      stats: {
        clientHelloTooLarge: scope.counter('client_hello_too_large'),
        tlsFound: scope.counter('tls_found'),
        tlsNotFound: scope.counter('tls_not_found'),
        alpnFound: scope.counter('alpn_found'),
        alpnNotFound: scope.counter('alpn_not_found'),
        sniFound: scope.counter('sni_found'),
        sniNotFound: scope.counter('sni_not_found'),
        bytesProcessed: scope.histogram('bytes_processed', 'bytes'),
      },
    }
    return () => new TlsInspector(settings)
  },
}
