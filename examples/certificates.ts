// Certificates for the servers behind examples: made afresh by the openssl command each time, trusted by nobody.
import { execFileSync } from 'node:child_process'

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
