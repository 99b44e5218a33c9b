/** go-control-plane drives the proxy in each of its modes, with all kinds of resources changing under load. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CertificateAuthority } from '../support/certificate_authority.ts'
import { INSTALL_TIMEOUT_MS } from '../support/ensure_go_tool.ts'
import { discoveryProxies } from '../support/xds/proxies.ts'
import { ensureControlPlanes, modes, type Outcome, runRolling, runTestServer } from './go_control_plane.ts'

let ca: CertificateAuthority

beforeAll(() => {
  ensureControlPlanes()
  ca = new CertificateAuthority()
}, INSTALL_TIMEOUT_MS)

afterAll(() => ca?.remove())

/** Updates of the test server in which some batch of its requests to all listeners went through. */
function servedUpdates(output: string): number[] {
  const served = new Set<number>()
  let update = -1
  for (const line of output.split('\n')) {
    if (line.includes('update snapshot')) update += 1
    if (/request batch \d+, ok [1-9]\d*, failed 0/.test(line)) served.add(update)
  }
  return [...served]
}

function expectTaken(outcome: Outcome): void {
  expect(outcome.exitCode, outcome.output).toBe(0)
  const rejected = [...outcome.stats].filter(([name, value]) => name.endsWith('.update_rejected') && value > 0)
  expect(rejected).toEqual([])
  expect(outcome.stats.get('runtime.update_success')).toBeGreaterThan(0)
}

describe.each(discoveryProxies)('%s', (kind) => {
  it.each(modes)(
    'no request is lost where what is new comes before what is old goes: %s',
    { timeout: 90_000 },
    async (mode) => {
      const certificates = ['first', 'second'].map((name) => ca.issue({ name, altNames: ['DNS:localhost'] }))
      const outcome = await runRolling(kind, mode, certificates)
      console.log(`${kind}, ${mode}, rolling: ${outcome.answered} answered, ${outcome.failures.length} failed`)
      expect(outcome.failures).toEqual([])
      expectTaken(outcome)
    },
  )

  // It renames every cluster and route with every update and takes the old ones away at once, so that requests fail in
  // between, on Envoy too: what counts is that each update is taken, and that all is well again soon.
  const cases = [...modes.map((mode) => ({ mode, tls: false })), { mode: 'ads', tls: true } as const]

  it.each(cases)("go-control-plane's test server: $mode, TLS $tls", { timeout: 90_000 }, async ({ mode, tls }) => {
    const outcome = await runTestServer(kind, mode, tls, 3)
    expect(servedUpdates(outcome.output), outcome.output).toEqual([0, 1, 2])
    expectTaken(outcome)
  })
})
