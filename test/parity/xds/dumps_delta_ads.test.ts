import { afterAll } from 'vitest'
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import { defineXdsScript } from './define_script.ts'
import { dumpsScript } from './dumps_script.ts'

const ca = new CertificateAuthority()
afterAll(() => ca.remove())

defineXdsScript(dumpsScript(ca), 'delta ads')
