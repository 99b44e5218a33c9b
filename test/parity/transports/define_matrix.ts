/** Suites over transports, as tests: their certificates live as long as they do. */
import { afterAll, describe } from 'vitest'
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import type { ParitySuite } from '../case.ts'
import { defineSuite } from '../define_suite.ts'
import { fits, isWide, over, type Transport, transports } from './transports.ts'

/** Each case over each transport. */
export function defineMatrix(suites: readonly ParitySuite[], chosen: readonly Transport[]): void {
  define(suites.flatMap((suite) => chosen.filter((one) => fits(suite, one)).map((one) => [suite, one])))
}

/** To start two proxies for each transport would take longer than the cases do. */
const everyThird = 3

/**
 * Suites written for HTTP/1 without TLS over the other transports: each case over one of them, dealt out to a third of the
 * transports, another third for another suite; by hand each over all.
 */
export function defineOverTransports(...suites: readonly ParitySuite[]): void {
  const others = transports.filter(({ name }) => name !== 'h1 to h1')
  if (isWide) defineMatrix(suites, others)
  else define(suites.flatMap((suite) => dealtOut(suite, others)))
}

function dealtOut(suite: ParitySuite, others: readonly Transport[]): [ParitySuite, Transport][] {
  const fitting = others.filter((one) => fits(suite, one))
  const players = fitting.filter((_, index) => (index + suite.name.length) % everyThird === 0)
  return players.map((one, hand) => {
    const cases = suite.cases.filter((_, index) => index % players.length === hand)
    return [{ ...suite, cases }, one]
  })
}

function define(pairs: readonly [ParitySuite, Transport][]): void {
  const ca = new CertificateAuthority()
  const own = ca.issue({ name: 'a', altNames: ['DNS:a.test'] })
  describe('over transports', () => {
    afterAll(() => ca.remove())
    const translated = pairs.map(([suite, one]) => over(suite, one, own))
    // Of few cases there is not one for each transport, and some mean something in HTTP/1 alone.
    for (const suite of translated.filter(({ cases }) => cases.length > 0)) defineSuite(suite)
  })
}
