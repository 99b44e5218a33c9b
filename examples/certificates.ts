// Certificates for the servers behind examples: made afresh by the openssl command each time, trusted by nobody.
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificate {
  /** PEM. */
  readonly key: string
  readonly cert: string
}

/** A self-signed one for these DNS names, the first of which is its subject. Throws where there is no openssl command. */
export function selfSigned(...names: string[]): Certificate {
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const subject = ['-subj', `/CN=${names[0]}`, '-addext', `subjectAltName=${names.map((name) => `DNS:${name}`)}`]
  const output = ['-keyout', '-', '-out', '-']
  const pem = execFileSync('openssl', ['req', '-x509', ...options, ...subject, ...output], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [key, cert] = pem.toString('latin1').split(/(?=-----BEGIN CERTIFICATE-----)/)
  return { key, cert }
}

/** Makes `NAME.pem` and `NAME.key` in the folder, self-signed for these alternative names (`DNS:`, `URI:`). */
export function writeSelfSigned(folder: string, name: string, ...altNames: string[]): void {
  mkdirSync(folder, { recursive: true })
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30']
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${altNames.join(',')}`]
  const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)]
  execFileSync('openssl', ['req', '-x509', ...options, ...subject, ...files], { stdio: 'ignore' })
}

/**
 * Makes `ca.pem` in the folder and, signed by it, `NAME.pem` and `NAME.key` for each name with its alternative names. The
 * authority's own key is thrown away.
 */
export function writeSigned(folder: string, names: Readonly<Record<string, string>>): void {
  writeSelfSigned(folder, 'ca', 'DNS:ca.example.com')
  const authority = ['-CA', join(folder, 'ca.pem'), '-CAkey', join(folder, 'ca.key')]
  for (const [name, altNames] of Object.entries(names)) {
    const key = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      join(folder, `${name}.key`),
    ]
    const subject = ['-days', '30', '-subj', `/CN=${name}`, '-addext', `subjectAltName=${altNames}`]
    const pem = execFileSync('openssl', ['req', '-x509', ...authority, ...key, ...subject], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    writeFileSync(join(folder, `${name}.pem`), pem)
  }
  rmSync(join(folder, 'ca.key'))
}
