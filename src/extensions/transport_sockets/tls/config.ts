// envoy.transport_sockets.tls

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { DownstreamTransportSocketConfigFactory } from '../../../network/factory.ts'
import type { UpstreamTransportSocketConfigFactory } from '../../../upstream/transport_socket.ts'
import { DownstreamTlsFactory } from './downstream_factory.ts'
import { UpstreamTlsFactory } from './upstream_factory.ts'

type UpstreamTlsContext = envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
type DownstreamTlsContext = envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext

export const tlsDownstreamFactory: DownstreamTransportSocketConfigFactory<DownstreamTlsContext> = {
  category: 'envoy.transport_sockets.downstream',
  name: 'envoy.transport_sockets.tls',
  typeUrls: ['envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'],
  createTransportSocketFactory: (view, context) => new DownstreamTlsFactory(view, context),
}

export const tlsUpstreamFactory: UpstreamTransportSocketConfigFactory<UpstreamTlsContext> = {
  category: 'envoy.transport_sockets.upstream',
  name: 'envoy.transport_sockets.tls',
  typeUrls: ['envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'],
  createTransportSocketFactory: (view, context) => new UpstreamTlsFactory(view, context),
}
