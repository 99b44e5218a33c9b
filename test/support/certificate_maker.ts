/** Certificates that are odd in one way each: any issuer, any time, any extension, by the openssl command. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface OddCertificate {
  readonly name: string
  /** Of its own making where there is none. */
  readonly issuer?: MadeCertificate
  /** Lines of the extension section. */
  readonly extensions?: readonly string[]
  /** `YYYYMMDDHHMMSSZ` */
  readonly from?: string
  readonly to?: string
  /** For `-newkey`; `rsa:1024`. */
  readonly key?: readonly string[]
  /** For the signature. */
  readonly digest?: string
}

export interface MadeCertificate {
  readonly certPath: string
  readonly keyPath: string
  readonly cert: Buffer
  readonly key: Buffer
}

const EC = ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']

export function makeCertificate(folder: string, request: OddCertificate): MadeCertificate {
  const { name, issuer, extensions = [], from = '20200101000000Z', to = '20400101000000Z', key = EC } = request
  const path = (ending: string): string => join(folder, `${name}.${ending}`)
  openssl(['req', '-newkey', ...key, '-nodes', '-subj', `/CN=${name}`, '-keyout', path('key'), '-out', path('csr')])
  const home = join(folder, `${name}.ca`)
  mkdirSync(home)
  writeFileSync(join(home, 'index.txt'), '')
  writeFileSync(
    join(home, 'ca.cnf'),
    `[ca]
default_ca = own
[own]
database = ${home}/index.txt
new_certs_dir = ${home}
default_md = ${request.digest ?? 'sha256'}
policy = any
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
[extensions]
${extensions.join('\n')}
`,
  )
  const signer =
    issuer === undefined
      ? ['-selfsign', '-keyfile', path('key')]
      : ['-cert', issuer.certPath, '-keyfile', issuer.keyPath]
  openssl([
    ...[
      'ca',
      '-batch',
      '-notext',
      '-rand_serial',
      '-config',
      join(home, 'ca.cnf'),
      '-in',
      path('csr'),
      '-out',
      path('pem'),
    ],
    ...['-extensions', 'extensions', '-startdate', from, '-enddate', to, ...signer],
  ])
  return {
    certPath: path('pem'),
    keyPath: path('key'),
    cert: readFileSync(path('pem')),
    key: readFileSync(path('key')),
  }
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 20_000 })
}
