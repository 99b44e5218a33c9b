// envoy.transport_sockets.tls

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { DownstreamTransportSocketConfigFactory } from '../../../network/factory.ts'
import { DownstreamTlsFactory } from './downstream_factory.ts'

type DownstreamTlsContext = envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext

export const tlsDownstreamFactory: DownstreamTransportSocketConfigFactory<DownstreamTlsContext> = {
  category: 'envoy.transport_sockets.downstream',
  name: 'envoy.transport_sockets.tls',
  typeUrls: ['envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'],
  createTransportSocketFactory: (view, context) => new DownstreamTlsFactory(view, context),
}
