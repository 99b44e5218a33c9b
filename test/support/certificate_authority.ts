/** Certificates for tests, made by the openssl command into a folder of the test's own. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface CertificateRequest {
  /** File name and common name. */
  readonly name: string
  /** `DNS:a.test`, `URI:spiffe://a/b`, `IP:127.0.0.1`... */
  readonly altNames?: readonly string[]
  /** Other lines of the extension section: `keyUsage = keyAgreement`. */
  readonly extensions?: readonly string[]
  /** EC by default: making an RSA key takes longer. */
  readonly keyType?: 'ec' | 'rsa'
  /** Valid for no time at all, which is over. */
  readonly expired?: boolean
}

export interface IssuedCertificate {
  readonly certPath: string
  readonly keyPath: string
  readonly cert: Buffer
  readonly key: Buffer
}

const KEY_OPTIONS = {
  ec: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
  rsa: ['-newkey', 'rsa:2048'],
}

export class CertificateAuthority {
  readonly folder: string
  readonly certPath: string
  readonly #keyPath: string

  /** `name` keeps several apart in one folder; `folder` is a temporary one by default. */
  constructor(name = 'ca', folder = mkdtempSync(join(tmpdir(), 'certificates-'))) {
    this.folder = folder
    this.certPath = join(folder, `${name}.pem`)
    this.#keyPath = join(folder, `${name}.key`)
    openssl([
      ...['req', '-x509', ...KEY_OPTIONS.ec, '-nodes', '-days', '3650', '-subj', `/CN=${name}`],
      ...['-keyout', this.#keyPath, '-out', this.certPath],
    ])
  }

  get cert(): Buffer {
    return readFileSync(this.certPath)
  }

  issue(request: CertificateRequest): IssuedCertificate {
    const { name, altNames = [], extensions = [], keyType = 'ec', expired = false } = request
    const certPath = join(this.folder, `${name}.pem`)
    const keyPath = join(this.folder, `${name}.key`)
    const csrPath = join(this.folder, `${name}.csr`)
    const extPath = join(this.folder, `${name}.ext`)
    const lines = [...(altNames.length > 0 ? [`subjectAltName = ${altNames.join(',')}`] : []), ...extensions]
    writeFileSync(extPath, `basicConstraints = CA:FALSE\n${lines.join('\n')}\n`)
    const subject = name === '' ? '/' : `/CN=${name}`
    openssl(['req', ...KEY_OPTIONS[keyType], '-nodes', '-subj', subject, '-keyout', keyPath, '-out', csrPath])
    openssl([
      ...['x509', '-req', '-in', csrPath, '-CA', this.certPath, '-CAkey', this.#keyPath, '-CAcreateserial'],
      ...['-extfile', extPath, '-out', certPath, '-days', expired ? '0' : '3650'],
    ])
    return { certPath, keyPath, cert: readFileSync(certPath), key: readFileSync(keyPath) }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 20_000 })
}
