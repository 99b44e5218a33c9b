import { afterAll } from 'vitest'
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import { defineXdsScript } from './define_script.ts'
import { extrasScript } from './extras_script.ts'

const ca = new CertificateAuthority()
afterAll(() => ca.remove())

defineXdsScript(extrasScript(ca), 'delta ads')
