/** Suites over transports, as tests: their certificates live as long as they do. */
import { afterAll, describe } from 'vitest'
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import type { ParitySuite } from '../case.ts'
import { defineSuite } from '../define_suite.ts'
import { fits, over, type Transport } from './transports.ts'

export function defineMatrix(suites: readonly ParitySuite[], chosen: readonly Transport[]): void {
  const ca = new CertificateAuthority()
  const own = ca.issue({ name: 'a', altNames: ['DNS:a.test'] })
  describe('over transports', () => {
    afterAll(() => ca.remove())
    for (const suite of suites) {
      for (const one of chosen.filter((each) => fits(suite, each))) defineSuite(over(suite, one, own))
    }
  })
}
