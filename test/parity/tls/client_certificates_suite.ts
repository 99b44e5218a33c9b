/** Which certificates of clients are taken and which are refused, each odd in one way. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type MadeCertificate, makeCertificate, type OddCertificate } from '../../support/certificate_maker.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { LOG_PREFIX } from '../driver.ts'
import { get } from '../requests.ts'
import { accessLog, bootstrap, cluster, httpListener, indent } from '../yaml.ts'

const folder = mkdtempSync(join(tmpdir(), 'certificates-'))
export const removeCertificates = (): void => rmSync(folder, { recursive: true, force: true })
const make = (request: OddCertificate): MadeCertificate => makeCertificate(folder, request)

const authority = [
  'basicConstraints = critical, CA:TRUE',
  'keyUsage = critical, keyCertSign, cRLSign',
  'subjectKeyIdentifier = hash',
]
const leaf = [
  'basicConstraints = critical, CA:FALSE',
  'keyUsage = critical, digitalSignature',
  'subjectAltName = DNS:client.test',
]
const root = make({ name: 'root', extensions: authority })
const otherRoot = make({ name: 'other_root', extensions: authority })
const middle = make({ name: 'middle', issuer: root, extensions: authority })
const lower = make({ name: 'lower', issuer: middle, extensions: authority })
const shallow = make({
  name: 'shallow',
  issuer: root,
  extensions: ['basicConstraints = critical, CA:TRUE, pathlen:0', authority[1]],
})
const tooDeep = make({ name: 'too_deep', issuer: shallow, extensions: authority })
const noAuthority = make({ name: 'no_authority', issuer: root, extensions: leaf })
const noSigner = make({
  name: 'no_signer',
  issuer: root,
  extensions: [authority[0], 'keyUsage = critical, digitalSignature'],
})
const oldMiddle = make({ name: 'old_middle', issuer: root, extensions: authority, to: '20210101000000Z' })
const constrained = make({
  name: 'constrained',
  issuer: root,
  extensions: [...authority, 'nameConstraints = critical, permitted;DNS:allowed.test'],
})
const serverMiddle = make({
  name: 'server_middle',
  issuer: root,
  extensions: [...authority, 'extendedKeyUsage = serverAuth'],
})

interface Shown {
  readonly leaf: MadeCertificate
  /** Sent along with it. */
  readonly chain?: readonly MadeCertificate[]
}

const by = (issuer: MadeCertificate, name: string, more: Partial<OddCertificate> = {}): MadeCertificate =>
  make({ name, issuer, extensions: leaf, ...more })
const plus = (...lines: string[]): string[] => [...leaf, ...lines]

const shown: Readonly<Record<string, Shown>> = {
  'of the root': { leaf: by(root, 'good') },
  'without extensions': { leaf: by(root, 'bare', { extensions: [] }) },
  'for clients': { leaf: by(root, 'client_auth', { extensions: plus('extendedKeyUsage = clientAuth') }) },
  'for servers': { leaf: by(root, 'server_auth', { extensions: plus('extendedKeyUsage = serverAuth') }) },
  'for both': { leaf: by(root, 'both_auth', { extensions: plus('extendedKeyUsage = serverAuth, clientAuth') }) },
  'for any use': { leaf: by(root, 'any_use', { extensions: plus('extendedKeyUsage = anyExtendedKeyUsage') }) },
  'for signing code': { leaf: by(root, 'code_signing', { extensions: plus('extendedKeyUsage = codeSigning') }) },
  'for encryption alone': {
    leaf: by(root, 'encryption', { extensions: [leaf[0], 'keyUsage = critical, keyEncipherment'] }),
  },
  'for agreement alone': {
    leaf: by(root, 'agreement', { extensions: [leaf[0], 'keyUsage = critical, keyAgreement'] }),
  },
  'of an authority': { leaf: by(root, 'authority', { extensions: [...authority, leaf[2]] }) },
  'with a critical extension that nobody knows': {
    leaf: by(root, 'critical', { extensions: plus('1.2.3.4.5 = critical, ASN1:UTF8String:x') }),
  },
  'with an extension that nobody knows': {
    leaf: by(root, 'unknown', { extensions: plus('1.2.3.4.5 = ASN1:UTF8String:x') }),
  },
  'that is over': { leaf: by(root, 'over', { to: '20210101000000Z' }) },
  'that is not valid yet': { leaf: by(root, 'early', { from: '20390101000000Z' }) },
  'of another root': { leaf: by(otherRoot, 'strange') },
  'of another root, with that': { leaf: by(otherRoot, 'strange_chain'), chain: [otherRoot] },
  'of its own': { leaf: make({ name: 'own', extensions: leaf }) },
  'of its own, an authority': { leaf: make({ name: 'own_authority', extensions: authority }) },
  'with a short key': { leaf: by(root, 'short', { key: ['rsa:1024'] }) },
  'with an RSA key': { leaf: by(root, 'rsa_key', { key: ['rsa:2048'] }) },
  'with a P-384 key': { leaf: by(root, 'p384_key', { key: ['ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1'] }) },
  'with a P-521 key': { leaf: by(root, 'p521_key', { key: ['ec', '-pkeyopt', 'ec_paramgen_curve:secp521r1'] }) },
  'with an Ed25519 key': { leaf: by(root, 'ed25519_key', { key: ['ed25519'] }) },
  'signed with SHA-1': { leaf: by(root, 'sha1', { digest: 'sha1' }) },
  'signed with SHA-512': { leaf: by(root, 'sha512', { digest: 'sha512' }) },
  'behind an authority': { leaf: by(middle, 'behind'), chain: [middle] },
  'behind an authority that is not shown': { leaf: by(middle, 'gap') },
  'behind two authorities': { leaf: by(lower, 'deep'), chain: [lower, middle] },
  'behind two authorities in the wrong order': { leaf: by(lower, 'mixed'), chain: [middle, lower] },
  'behind two authorities, one not shown': { leaf: by(lower, 'half'), chain: [lower] },
  'with the root and strangers': { leaf: by(middle, 'crowd'), chain: [otherRoot, middle, root] },
  'behind what is no authority': { leaf: by(noAuthority, 'false_issuer'), chain: [noAuthority] },
  'behind an authority that may not sign': { leaf: by(noSigner, 'unsigned'), chain: [noSigner] },
  'behind an authority that is over': { leaf: by(oldMiddle, 'late'), chain: [oldMiddle] },
  'behind an authority that is for servers': { leaf: by(serverMiddle, 'mismatched'), chain: [serverMiddle] },
  'right below a shallow authority': { leaf: by(shallow, 'near'), chain: [shallow] },
  'too far below a shallow authority': { leaf: by(tooDeep, 'far'), chain: [tooDeep, shallow] },
  'with a name that its authority may not give': { leaf: by(constrained, 'outside'), chain: [constrained] },
  'with a name that its authority may give': {
    leaf: by(constrained, 'inside', { extensions: [leaf[0], leaf[1], 'subjectAltName = DNS:a.allowed.test'] }),
    chain: [constrained],
  },
}

const middleBundle = join(folder, 'middle_bundle.pem')
writeFileSync(middleBundle, middle.cert)

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'

function tlsListener(name: string, validation: string): string {
  const server = make({ name: `server_${name}`, issuer: root, extensions: leaf })
  const socket = `
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": ${TLS}
      require_client_certificate: true
      common_tls_context:
        tls_certificates:
        - certificate_chain: { filename: ${server.certPath} }
          private_key: { filename: ${server.keyPath} }
        validation_context: { ${validation} }
`
  const plain = httpListener({
    name,
    listener: `access_log:\n${indent(accessLog('%DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_PEER_FINGERPRINT_256% %DOWNSTREAM_PEER_CERT_V_END(%Y)% %DOWNSTREAM_LOCAL_SUBJECT% %DOWNSTREAM_TLS_VERSION% fail=%DOWNSTREAM_TRANSPORT_FAILURE_REASON%'), 0)}`,
    hcm: 'codec_type: HTTP1',
  })
  // One line for each connection, whether there is a request on it or not.
  const mark = plain.lastIndexOf(LOG_PREFIX)
  const text = plain.slice(0, mark) + plain.slice(mark + LOG_PREFIX.length)
  return text.replace(
    '  filter_chains:\n  - filters:',
    `  filter_chains:\n${indent(socket, 2).replace('    transport', '  - transport')}\n    filters:`,
  )
}

const listeners = [
  tlsListener('main', `trusted_ca: { filename: ${root.certPath} }`),
  tlsListener('partial', `trusted_ca: { filename: ${middleBundle} }`),
  tlsListener('lenient', `trusted_ca: { filename: ${root.certPath} }, allow_expired_certificate: true`),
  tlsListener('depth', `trusted_ca: { filename: ${root.certPath} }, max_verify_depth: 1`),
  tlsListener('deeper', `trusted_ca: { filename: ${root.certPath} }, max_verify_depth: 2`),
]

const names = Object.keys(shown)
const onlySome = /behind|over|not valid yet|another root|of the root|crowd|strangers/

const cases: ParityCase[] = ['main', 'partial', 'lenient', 'depth', 'deeper'].flatMap((listener) =>
  names
    .filter((name) => listener === 'main' || onlySome.test(name))
    .map((name): ParityCase => {
      const { leaf: certificate, chain = [] } = shown[name]
      const cert = Buffer.concat([certificate.cert, ...chain.map((each) => each.cert)])
      return {
        name: `client certificate: ${listener}: ${name}`,
        listener,
        tls: { cert, key: certificate.key, ciphers: 'DEFAULT:@SECLEVEL=0' },
        steps: [get('/'), { waitFor: 'ok' }],
        stats: '^listener\\..*\\.ssl\\.(handshake|connection_error|fail)',
        logLines: 1,
      }
    }),
)

export const clientCertificatesSuite: ParitySuite = {
  name: 'client certificates',
  yaml: bootstrap(listeners, [cluster('main')]),
  cases,
}
