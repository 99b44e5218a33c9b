// envoy.filters.listener.original_dst: the local address is where the client wanted to go before the kernel sent it here.

import type { ListenerFilterConfigFactory } from '../../../../network/factory.ts'
import type { ListenerFilter, ListenerFilterCallbacks } from '../../../../network/listener_filter.ts'
import { FilterStatus } from '../../../../network/network_filter.ts'

export const originalDst: ListenerFilterConfigFactory = {
  category: 'envoy.filters.listener',
  name: 'envoy.filters.listener.original_dst',
  typeUrls: ['envoy.extensions.filters.listener.original_dst.v3.OriginalDst'],
  createFilterFactory: () => () => new OriginalDst(),
}

class OriginalDst implements ListenerFilter {
  onAccept({ socket }: ListenerFilterCallbacks): FilterStatus {
    const address = socket.originalDestination()
    if (address !== undefined) socket.restoreLocalAddress(address)
    return FilterStatus.Continue
  }

  onData(): FilterStatus {
    return FilterStatus.Continue
  }

  maxReadBytes(): number {
    return 0
  }
}
