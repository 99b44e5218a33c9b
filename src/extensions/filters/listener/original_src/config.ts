// envoy.filters.listener.original_src: upstream connections come from the client's address.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { ipAddress } from '../../../../network/address.ts'
import type { ListenerFilterConfigFactory } from '../../../../network/factory.ts'
import type { ListenerFilter, ListenerFilterCallbacks } from '../../../../network/listener_filter.ts'
import { FilterStatus } from '../../../../network/network_filter.ts'

type OriginalSrcView = envoy.extensions.filters.listener.original_src.v3.OriginalSrc

export const originalSrc: ListenerFilterConfigFactory<OriginalSrcView> = {
  category: 'envoy.filters.listener',
  name: 'envoy.filters.listener.original_src',
  typeUrls: ['envoy.extensions.filters.listener.original_src.v3.OriginalSrc'],
  createFilterFactory:
    ({ mark }) =>
    () =>
      new OriginalSrc(mark),
}

/** The client's address is what the filters before this one have left of it. */
class OriginalSrc implements ListenerFilter {
  readonly #mark: number

  constructor(mark: number) {
    this.#mark = mark
  }

  onAccept({ socket }: ListenerFilterCallbacks): FilterStatus {
    const { family, ip } = socket.remoteAddress
    if (family !== 'pipe') socket.upstreamSource = { address: ipAddress(ip, 0), mark: this.#mark }
    return FilterStatus.Continue
  }

  onData(): FilterStatus {
    return FilterStatus.Continue
  }

  maxReadBytes(): number {
    return 0
  }
}
