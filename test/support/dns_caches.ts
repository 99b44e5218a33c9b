// DNS caches for tests that need some and look nothing up.

import type { NetworkServerContext } from '../../src/network/factory.ts'
import { DnsCaches } from '../../src/upstream/dns_cache/dns_caches.ts'

export function unresolvedDnsCaches({ scope, runtime, shared }: NetworkServerContext): DnsCaches {
  const demand = { onCache: () => {}, onWanted: () => {}, onUsed: () => {} }
  return new DnsCaches({ scope, runtime, shared, demand })
}
