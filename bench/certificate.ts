// The certificate that all proxies of a run show: ECDSA P-256, self-signed, made at first use and thrown away at the end.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeSelfSigned } from '../examples/certificates.ts'

export interface CertificateFiles {
  readonly certPath: string
  readonly keyPath: string
  /** Both in one file, as HAProxy has it. */
  readonly bothPath: string
}

let made: CertificateFiles | undefined

/** Throws where there is no openssl command. */
export function benchCertificate(): CertificateFiles {
  made ??= make()
  return made
}

function make(): CertificateFiles {
  const folder = mkdtempSync(join(tmpdir(), 'bench-certificate-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  writeSelfSigned(folder, 'bench', 'DNS:bench')
  const files = {
    certPath: join(folder, 'bench.pem'),
    keyPath: join(folder, 'bench.key'),
    bothPath: join(folder, 'both.pem'),
  }
  writeFileSync(files.bothPath, readFileSync(files.certPath, 'utf8') + readFileSync(files.keyPath, 'utf8'))
  return files
}
