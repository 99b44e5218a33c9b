// `tls_params` (envoy.extensions.transport_sockets.tls.v3.TlsParameters) as options of a secure context.

import { constants } from 'node:crypto'
import { createSecureContext, type SecureVersion } from 'node:tls'
import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { translateCipherSuites } from './cipher_list.ts'
import { chooseTls, defaultChoice, type TlsChoice, versionOrder } from './tls_choice.ts'

type TlsParameters = envoy.extensions.transport_sockets.tls.v3.TlsParameters

/** The options of `tls.createSecureContext` that no certificate has a part in. */
export interface ProtocolOptions {
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
  /** Suites of all versions in OpenSSL's language. */
  readonly ciphers: string
  /** Groups for the key exchange in OpenSSL's language. */
  readonly ecdhCurve: string
  /** Of both sides' handshakes. */
  readonly sigalgs: string
  readonly secureOptions: number
}

export interface TlsProtocol {
  readonly options: ProtocolOptions
  /** The list has groups of equals among which the client chooses. */
  readonly hasEqualCiphers: boolean
  /** What the options are made from. */
  readonly choice: TlsChoice
}

export interface ParameterDefaults {
  readonly isServer: boolean
  readonly choice: TlsChoice
  readonly preferClientCiphers: boolean
}

export const serverDefaults: ParameterDefaults = {
  isServer: true,
  choice: defaultChoice,
  preferClientCiphers: false,
}

/** Newer versions are spoken where the configuration asks for them. */
export const clientDefaults: ParameterDefaults = {
  isServer: false,
  choice: { ...defaultChoice, maxVersion: 'TLSv1.2' },
  preferClientCiphers: false,
}

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

/** What is wrong goes to `errors`, at the fields of `view`. */
export function protocolOptions(
  view: TlsParameters | undefined,
  defaults: ParameterDefaults,
  errors: ConfigErrors,
): TlsProtocol {
  const choice = chooseTls(defaults.choice, view)
  const isUsable = checkFields(view, errors)
  // As in Envoy it is no error: every handshake fails.
  if (!hasVersions(choice)) errors.warn(view, 'tlsMinimumProtocolVersion', noVersions(choice))
  const options = optionsOf(choice, defaults)
  return {
    options: isUsable ? tried(options, view, defaults, errors) : optionsOf(defaultChoice, defaults),
    hasEqualCiphers: translateCipherSuites(choice.cipherSuites).hasEquals,
    choice,
  }
}

/** Those of one certificate, which stand above its context's. */
export function certificateProtocol(
  view: TlsParameters | undefined,
  context: TlsProtocol,
  defaults: ParameterDefaults,
  errors: ConfigErrors,
): TlsProtocol {
  if (view === undefined) return context
  const own = protocolOptions(view, { ...defaults, choice: context.choice }, errors)
  if (!hasVersions(own.choice)) errors.add(view, 'tlsMinimumProtocolVersion', noVersions(own.choice))
  return own
}

function checkFields(view: TlsParameters | undefined, errors: ConfigErrors): boolean {
  if (view === undefined) return true
  const { rejected } = translateCipherSuites(view.cipherSuites)
  if (rejected.length > 0) {
    const message =
      `Failed to initialize cipher suites ${view.cipherSuites.join(':')}. ` +
      `The following ciphers were rejected when tried individually: ${rejected.join(', ')}`
    errors.add(view, 'cipherSuites', message)
  }
  const curves = view.ecdhCurves.flatMap((entry) => entry.split(':'))
  const badCurve = curves.find((curve) => curveNames[curve] === undefined)
  if (badCurve !== undefined) {
    errors.add(view, 'ecdhCurves', `Failed to initialize ECDH curves ${curves.join(':')}`, {
      expected: `names among ${Object.keys(curveNames).join(', ')}; '${badCurve}' is none of them`,
    })
  }
  return rejected.length === 0 && badCurve === undefined
}

function hasVersions({ minVersion, maxVersion }: TlsChoice): boolean {
  return versionOrder.indexOf(minVersion) <= versionOrder.indexOf(maxVersion)
}

function noVersions({ minVersion, maxVersion }: TlsChoice): string {
  return `no TLS version from ${minVersion} to ${maxVersion}`
}

function optionsOf(choice: TlsChoice, defaults: ParameterDefaults): ProtocolOptions {
  const { minVersion, maxVersion } = choice
  // What is allowed is all listed here. OpenSSL's levels of security would refuse certificates that BoringSSL takes, and
  // TLS 1.0 and 1.1 altogether.
  const level = ':@SECLEVEL=0'
  // Between colons OpenSSL's server would rather take what the client has sent a key for than what it has put first.
  const takesOwnOrder = defaults.isServer && !defaults.preferClientCiphers
  return {
    minVersion,
    maxVersion,
    ciphers: `${choice.tls13Suites}:${translateCipherSuites(choice.cipherSuites).openssl}${level}`,
    ecdhCurve: choice.curves.map((curve) => curveNames[curve]).join(takesOwnOrder ? '/' : ':'),
    secureOptions: secureOptions(defaults),
    sigalgs: choice.signatureAlgorithms.join(':'),
  }
}

function secureOptions(defaults: ParameterDefaults): number {
  let options = constants.SSL_OP_NO_RENEGOTIATION
  if (defaults.isServer && !defaults.preferClientCiphers) options |= constants.SSL_OP_CIPHER_SERVER_PREFERENCE
  return options
}

/** Finds what the library itself refuses. */
function tried(
  options: ProtocolOptions,
  view: TlsParameters | undefined,
  defaults: ParameterDefaults,
  errors: ConfigErrors,
): ProtocolOptions {
  const usable = optionsOf(defaultChoice, defaults)
  const attempt = (change: Partial<ProtocolOptions>): boolean => {
    try {
      createSecureContext({ ...usable, ...change, ca: [] })
      return true
    } catch {
      return false
    }
  }
  if (attempt(options)) return options
  const { ciphers, sigalgs } = options
  if (!attempt({ ciphers })) {
    errors.add(view, 'cipherSuites', `Failed to initialize cipher suites ${view?.cipherSuites.join(':')}`)
  } else if (!attempt({ sigalgs })) {
    errors.add(view, 'signatureAlgorithms', `Failed to initialize TLS signature algorithms ${sigalgs}`)
  } else errors.add(view, undefined, 'Failed to initialize the TLS parameters')
  return usable
}
