// envoy.filters.network.sni_cluster: the server name of the TLS handshake names tcp_proxy's cluster.

import type { NetworkFilterFactory } from '../../../../network/factory.ts'
import { FilterStatus, type ReadFilter, type ReadFilterCallbacks } from '../../../../network/network_filter.ts'
import { perConnectionCluster } from '../tcp_proxy/filter_state.ts'

export const sniCluster: NetworkFilterFactory = {
  category: 'envoy.filters.network',
  name: 'envoy.filters.network.sni_cluster',
  typeUrls: ['envoy.extensions.filters.network.sni_cluster.v3.SniCluster'],
  isTerminal: false,
  createFilterFactory: () => () => new SniClusterFilter(),
}

class SniClusterFilter implements ReadFilter {
  #callbacks: ReadFilterCallbacks | undefined = undefined

  initializeReadFilterCallbacks(callbacks: ReadFilterCallbacks): void {
    this.#callbacks = callbacks
  }

  onNewConnection(): FilterStatus {
    const connection = this.#callbacks?.connection
    const serverName = connection?.downstream?.requestedServerName ?? ''
    if (serverName !== '') connection?.streamInfo?.filterState.set(perConnectionCluster, serverName)
    return FilterStatus.Continue
  }

  onData(): FilterStatus {
    return FilterStatus.Continue
  }
}
