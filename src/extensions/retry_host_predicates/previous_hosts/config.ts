// envoy.retry_host_predicates.previous_hosts: a retry goes to a host that was not tried yet.

import type { Host } from '../../../upstream/host.ts'
import type { RetryHostPredicate, RetryHostPredicateFactory } from '../../../upstream/retry.ts'

export const previousHosts: RetryHostPredicateFactory = {
  category: 'envoy.retry_host_predicates',
  name: 'envoy.retry_host_predicates.previous_hosts',
  typeUrls: ['envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'],
  createHostPredicate() {
    return () => new PreviousHosts()
  },
}

class PreviousHosts implements RetryHostPredicate {
  readonly #addresses: string[] = []

  shouldSelectAnotherHost(host: Host): boolean {
    return this.#addresses.includes(host.address.text)
  }

  onHostAttempted(host: Host): void {
    this.#addresses.push(host.address.text)
  }
}
