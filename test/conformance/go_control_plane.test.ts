/**
 * go-control-plane drives the proxy in each of its modes, with all kinds of resources changing under load. Its test server
 * renames every cluster and route with every update and takes the old ones away at once, so that requests fail in between, on
 * Envoy too: what counts is that each update is taken, and that all is well again soon.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureGoTool, INSTALL_TIMEOUT_MS } from '../support/ensure_go_tool.ts'
import { discoveryProxies } from '../support/xds/proxies.ts'
import { goControlPlane, modes, type Outcome, runGoControlPlane } from './go_control_plane.ts'

const updates = 4

beforeAll(() => {
  ensureGoTool(goControlPlane)
}, INSTALL_TIMEOUT_MS)

/** Updates in which some batch of requests to all listeners went through. */
function servedUpdates({ batches }: Outcome): number[] {
  return [...new Set(batches.filter(({ failed }) => failed === 0).map(({ update }) => update))]
}

describe.each(discoveryProxies)('%s', (kind) => {
  const cases = modes.flatMap((mode) => [
    { mode, tls: false },
    { mode, tls: true },
  ])

  it.each(cases)('$mode, TLS: $tls', { timeout: 90_000 }, async ({ mode, tls }) => {
    const outcome = await runGoControlPlane(kind, { mode, tls, updates })
    console.log(`${kind}, ${mode}, TLS ${tls}: ${outcome.answered} answered, ${outcome.failures.length} failed`)
    expect(servedUpdates(outcome)).toEqual([0, 1, 2, 3])
    // The exit code says the same in the server's own words.
    expect(outcome.exitCode, outcome.output).toBe(0)
    const rejected = [...outcome.stats].filter(([name, value]) => name.endsWith('.update_rejected') && value > 0)
    expect(rejected).toEqual([])
    expect(outcome.stats.get('runtime.update_success')).toBeGreaterThan(0)
    expect(outcome.answered).toBeGreaterThan(outcome.failures.length)
    // No cluster, or no route, of that name at the moment: nothing is cut or left hanging.
    expect(outcome.failures.filter((failure) => !/: (503|404) /.test(failure))).toEqual([])
  })
})
