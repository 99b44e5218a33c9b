// `tls_params` (envoy.extensions.transport_sockets.tls.v3.TlsParameters) as options of a secure context.

import { constants } from 'node:crypto'
import { createSecureContext, type SecureVersion } from 'node:tls'
import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { defaultCipherSuites, tls13Suites, translateCipherSuites } from './cipher_list.ts'

type TlsParameters = envoy.extensions.transport_sockets.tls.v3.TlsParameters

/** The options of `tls.createSecureContext` that no certificate has a part in. */
export interface ProtocolOptions {
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
  /** Suites of all versions in OpenSSL's language. */
  readonly ciphers: string
  /** Groups for the key exchange, separated by colons. */
  readonly ecdhCurve: string
  readonly sigalgs?: string
  readonly secureOptions: number
}

export interface TlsProtocol {
  readonly options: ProtocolOptions
  /** The list has groups of equals among which the client chooses. */
  readonly hasEqualCiphers: boolean
}

export interface ParameterDefaults {
  readonly isServer: boolean
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
  readonly preferClientCiphers: boolean
}

export const serverDefaults: ParameterDefaults = {
  isServer: true,
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  preferClientCiphers: false,
}

/** Newer versions are spoken where the configuration asks for them. */
export const clientDefaults: ParameterDefaults = {
  isServer: false,
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  preferClientCiphers: false,
}

const versions: Readonly<Record<string, SecureVersion>> = {
  TLSv1_0: 'TLSv1',
  TLSv1_1: 'TLSv1.1',
  TLSv1_2: 'TLSv1.2',
  TLSv1_3: 'TLSv1.3',
}

const versionOrder: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']

const defaultCurves: readonly string[] = ['X25519MLKEM768', 'X25519', 'P-256']

/** Envoy's names of groups and OpenSSL's. */
const curveNames: Readonly<Record<string, string>> = {
  X25519MLKEM768: 'X25519MLKEM768',
  MLKEM1024: 'MLKEM1024',
  X25519: 'X25519',
  x25519: 'X25519',
  'P-256': 'P-256',
  prime256v1: 'P-256',
  'P-384': 'P-384',
  secp384r1: 'P-384',
  'P-521': 'P-521',
  secp521r1: 'P-521',
}

/** The policy that NIST's SP 800-52 demands: what `FIPS_202205` stands for. */
const fipsPolicy = {
  ciphers: [
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
  ],
  curves: ['P-256', 'P-384'],
}

/** What is wrong goes to `errors`, at the fields of `view`. */
export function protocolOptions(
  view: TlsParameters | undefined,
  defaults: ParameterDefaults,
  errors: ConfigErrors,
): TlsProtocol {
  const minVersion = versions[view?.tlsMinimumProtocolVersion ?? ''] ?? defaults.minVersion
  const maxVersion = versions[view?.tlsMaximumProtocolVersion ?? ''] ?? defaults.maxVersion
  const isFips = view?.compliancePolicies.includes('FIPS_202205') ?? false
  const suites = view?.cipherSuites.length ? view.cipherSuites : isFips ? fipsPolicy.ciphers : defaultCipherSuites
  const list = translateCipherSuites(suites)
  if (list.rejected.length > 0) {
    const message =
      `Failed to initialize cipher suites ${suites.join(':')}. ` +
      `The following ciphers were rejected when tried individually: ${list.rejected.join(', ')}`
    errors.add(view, 'cipherSuites', message)
  }
  const given = view?.ecdhCurves.length ? view.ecdhCurves : isFips ? fipsPolicy.curves : defaultCurves
  const curves = given.flatMap((entry) => entry.split(':'))
  const badCurve = curves.find((curve) => curveNames[curve] === undefined)
  if (badCurve !== undefined) {
    errors.add(view, 'ecdhCurves', `Failed to initialize ECDH curves ${curves.join(':')}`, {
      expected: `names among ${Object.keys(curveNames).join(', ')}; '${badCurve}' is none of them`,
    })
  }
  const isOld = versionOrder.indexOf(minVersion) < versionOrder.indexOf('TLSv1.2')
  // OpenSSL has no TLS 1.0 and 1.1 at its usual level of security: their handshakes are signed with SHA-1.
  const ciphers = `${tls13Suites}:${list.openssl}${isOld ? ':@SECLEVEL=0' : ''}`
  const options: ProtocolOptions = {
    minVersion,
    maxVersion,
    ciphers,
    ecdhCurve: curves.map((curve) => curveNames[curve]).join(':'),
    secureOptions: secureOptions(defaults),
    ...(view?.signatureAlgorithms.length ? { sigalgs: view.signatureAlgorithms.join(':') } : {}),
  }
  const isUsable = list.rejected.length === 0 && badCurve === undefined
  return {
    options: isUsable ? tried(options, view, errors) : usableOptions(options),
    hasEqualCiphers: list.hasEquals,
  }
}

function secureOptions(defaults: ParameterDefaults): number {
  let options = constants.SSL_OP_NO_RENEGOTIATION
  if (defaults.isServer && !defaults.preferClientCiphers) options |= constants.SSL_OP_CIPHER_SERVER_PREFERENCE
  return options
}

/** Finds what the library itself refuses. */
function tried(options: ProtocolOptions, view: TlsParameters | undefined, errors: ConfigErrors): ProtocolOptions {
  const attempt = (change: Partial<ProtocolOptions>): boolean => {
    try {
      createSecureContext({ ...usableOptions(options), ...change, ca: [] })
      return true
    } catch {
      return false
    }
  }
  if (attempt(options)) return options
  const { ciphers, sigalgs, minVersion, maxVersion } = options
  if (!attempt({ ciphers })) {
    errors.add(view, 'cipherSuites', `Failed to initialize cipher suites ${view?.cipherSuites.join(':')}`)
  } else if (sigalgs !== undefined && !attempt({ sigalgs })) {
    errors.add(view, 'signatureAlgorithms', `Failed to initialize TLS signature algorithms ${sigalgs}`)
  } else if (!attempt({ minVersion, maxVersion })) {
    errors.add(view, 'tlsMinimumProtocolVersion', `no TLS version from ${minVersion} to ${maxVersion}`)
  } else errors.add(view, undefined, 'Failed to initialize the TLS parameters')
  return usableOptions(options)
}

/** The same with everything that may be wrong left out, to find further errors with. */
function usableOptions({ secureOptions }: ProtocolOptions): ProtocolOptions {
  return {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: `${tls13Suites}:${translateCipherSuites(defaultCipherSuites).openssl}`,
    ecdhCurve: defaultCurves.join(':'),
    secureOptions,
  }
}
