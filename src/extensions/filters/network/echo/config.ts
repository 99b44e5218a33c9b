// envoy.filters.network.echo: sends back what it receives.

import type { NetworkFilterFactory } from '../../../../network/factory.ts'
import { FilterStatus, type ReadFilter, type ReadFilterCallbacks } from '../../../../network/network_filter.ts'

export const echo: NetworkFilterFactory = {
  category: 'envoy.filters.network',
  name: 'envoy.filters.network.echo',
  typeUrls: ['envoy.extensions.filters.network.echo.v3.Echo'],
  isTerminal: true,
  createFilterFactory: () => () => new EchoFilter(),
}

class EchoFilter implements ReadFilter {
  #callbacks: ReadFilterCallbacks | undefined = undefined
  #paused = false

  initializeReadFilterCallbacks(callbacks: ReadFilterCallbacks): void {
    this.#callbacks = callbacks
    // A client that does not read its echo is not read from either: memory stays bounded.
    callbacks.connection.addConnectionCallbacks({
      onEvent() {},
      onAboveWriteBufferHighWatermark: () => this.#pause(true),
      onBelowWriteBufferLowWatermark: () => this.#pause(false),
    })
  }

  onNewConnection(): FilterStatus {
    return FilterStatus.Continue
  }

  onData(data: Buffer, endStream: boolean): FilterStatus {
    this.#callbacks?.connection.write(data, endStream)
    return FilterStatus.StopIteration
  }

  #pause(paused: boolean): void {
    if (this.#paused === paused) return
    this.#paused = paused
    this.#callbacks?.connection.readDisable(paused)
  }
}
