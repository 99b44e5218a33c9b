/** The proxies that the tests of discovery run on, each against control planes of its own. */
import type { ProxyKind } from '../proxy_process.ts'

export const discoveryProxies: readonly ProxyKind[] = ['envoy', 'nuncio']
