// envoy.filters.network.tcp_proxy: carries the connection's bytes to a host of a cluster and back.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { NetworkFilterFactory } from '../../../../network/factory.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'
import { tcpProxySettings } from './settings.ts'
import { TcpProxyFilter } from './tcp_proxy.ts'

type TcpProxyView = envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy

export const tcpProxy: NetworkFilterFactory<TcpProxyView, ServerContext> = {
  category: 'envoy.filters.network',
  name: 'envoy.filters.network.tcp_proxy',
  typeUrls: ['envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'],
  isTerminal: true,
  createFilterFactory(config, context) {
    const settings = tcpProxySettings(config, context)
    return () => new TcpProxyFilter(settings)
  },
}
