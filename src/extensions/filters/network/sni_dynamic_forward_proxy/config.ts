// envoy.filters.network.sni_dynamic_forward_proxy: looks up the host that the TLS handshake names, before tcp_proxy goes on to it.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { NetworkFilterFactory } from '../../../../network/factory.ts'
import { FilterStatus, type ReadFilter, type ReadFilterCallbacks } from '../../../../network/network_filter.ts'
import { runWrites } from '../../../../network/write_batch.ts'
import type { DnsCache, DnsOutcome } from '../../../../upstream/dns_cache/dns_cache.ts'
import { dynamicPort, hostKey, namedHost, namedPort, upstreamAddress } from '../../../../upstream/dns_cache/host_key.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'

type FilterConfig = envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig

interface Settings {
  readonly cache: DnsCache
  /** 0: none is configured. */
  readonly port: number
  readonly savesUpstreamAddress: boolean
}

export const sniDynamicForwardProxy: NetworkFilterFactory<FilterConfig, ServerContext> = {
  category: 'envoy.filters.network',
  name: 'envoy.filters.network.sni_dynamic_forward_proxy',
  typeUrls: ['envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig'],
  isTerminal: false,
  createFilterFactory(config, { dnsCaches, errors }) {
    const { dnsCacheConfig, portValue = 0, saveUpstreamAddress } = config
    const cache = dnsCacheConfig && dnsCaches.use(dnsCacheConfig, errors)
    const settings = cache && { cache, port: portValue, savesUpstreamAddress: saveUpstreamAddress }
    return () => new SniForwardProxyFilter(settings)
  },
}

class SniForwardProxyFilter implements ReadFilter {
  readonly #settings: Settings | undefined
  #callbacks!: ReadFilterCallbacks
  #giveUp: (() => void) | undefined = undefined

  constructor(settings: Settings | undefined) {
    this.#settings = settings
  }

  initializeReadFilterCallbacks(callbacks: ReadFilterCallbacks): void {
    this.#callbacks = callbacks
  }

  onNewConnection(): FilterStatus {
    const { streamInfo, downstream } = this.#callbacks.connection
    const serverName = downstream?.requestedServerName ?? ''
    const settings = this.#settings
    if (settings === undefined || streamInfo === undefined || serverName === '') return FilterStatus.Continue
    const port = namedPort(streamInfo, undefined) ?? settings.port
    // The cluster has to look for the same host.
    if (port > 0) streamInfo.filterState.set(dynamicPort, port)
    const key = hostKey(namedHost(streamInfo, undefined) ?? serverName, port)
    const { connection } = this.#callbacks
    const lookup = settings.cache.load(key, (outcome) => runWrites(connection, () => this.#onLoaded(outcome)))
    if (lookup.kind === 'waiting') {
      this.#giveUp = lookup.giveUp
      return FilterStatus.StopIteration
    }
    if (lookup.kind === 'known') {
      this.#save(lookup.host)
      return FilterStatus.Continue
    }
    connection.close('noFlush', '')
    return FilterStatus.StopIteration
  }

  #onLoaded(outcome: DnsOutcome): void {
    this.#giveUp = undefined
    const { connection } = this.#callbacks
    if (!connection.isOpen) return
    if (outcome === 'overflow') {
      connection.close('noFlush', '')
      return
    }
    // Where there is no address tcp_proxy finds no host.
    this.#save(outcome)
    this.#callbacks.continueReading()
  }

  #save(outcome: DnsOutcome): void {
    if (outcome === 'overflow' || outcome.addresses.length === 0 || this.#settings?.savesUpstreamAddress !== true)
      return
    this.#callbacks.connection.streamInfo?.filterState.set(upstreamAddress, { address: outcome.addresses[0] })
  }

  onData(): FilterStatus {
    return FilterStatus.Continue
  }

  onDestroy(): void {
    this.#giveUp?.()
  }
}
