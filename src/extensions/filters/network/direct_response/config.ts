// envoy.filters.network.direct_response: sends fixed bytes to whoever connects, and closes.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { readDataSource } from '../../../../config/data_source.ts'
import type { ListenerFactoryContext, NetworkFilterFactory } from '../../../../network/factory.ts'
import {
  FilterStatus,
  type NetworkFilterFactoryCb,
  type ReadFilter,
  type ReadFilterCallbacks,
} from '../../../../network/network_filter.ts'

type DirectResponseView = envoy.extensions.filters.network.direct_response.v3.Config

const noBytes = Buffer.alloc(0)

export const directResponse: NetworkFilterFactory<DirectResponseView> = {
  category: 'envoy.filters.network',
  name: 'envoy.filters.network.direct_response',
  typeUrls: ['envoy.extensions.filters.network.direct_response.v3.Config'],
  isTerminal: true,
  createFilterFactory(config: DirectResponseView, context: ListenerFactoryContext): NetworkFilterFactoryCb {
    const source = config.response
    const response =
      source?.specifier === undefined ? undefined : readDataSource(source, context.errors, { allowEmpty: true })
    return () => new DirectResponseFilter(response ?? noBytes)
  },
}

class DirectResponseFilter implements ReadFilter {
  readonly #response: Buffer
  #callbacks: ReadFilterCallbacks | undefined = undefined

  constructor(response: Buffer) {
    this.#response = response
  }

  initializeReadFilterCallbacks(callbacks: ReadFilterCallbacks): void {
    this.#callbacks = callbacks
  }

  onNewConnection(): FilterStatus {
    const connection = this.#callbacks?.connection
    if (connection === undefined) return FilterStatus.StopIteration
    if (connection.streamInfo !== undefined) connection.streamInfo.responseCodeDetails = 'direct_response'
    connection.write(this.#response)
    connection.close('flushWrite', '')
    return FilterStatus.StopIteration
  }

  onData(): FilterStatus {
    return FilterStatus.StopIteration
  }
}
