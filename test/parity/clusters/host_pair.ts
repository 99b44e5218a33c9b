/** Envoy and Nuncio over hosts of their own, for the tests of one suite. */
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { discoveryProxies } from '../../support/xds/proxies.ts'
import { CheckedHosts } from './checked_hosts.ts'

/**
 * What a test does to them stays for those behind it, which MUST do without. A test that is tried again has a new pair;
 * `reset` puts back what else it has changed.
 */
export function hostPair(
  bootstrap: (of: CheckedHosts) => object,
  reset: () => void = () => {},
): readonly CheckedHosts[] {
  const pair: CheckedHosts[] = []
  const start = async () => {
    reset()
    pair.push(...(await Promise.all(discoveryProxies.map((kind) => CheckedHosts.start(kind, bootstrap)))))
  }
  const stop = () => Promise.all(pair.splice(0).map((each) => each.stop()))

  beforeAll(start)
  afterAll(() => stop())
  beforeEach(async ({ task }) => {
    if ((task.result?.retryCount ?? 0) === 0) return
    await stop()
    await start()
  })
  return pair
}
