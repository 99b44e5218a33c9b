// The certificates of one downstream TLS context, each ready to be used, and the choice among them for a client.

import { constants, createHash } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import type { envoy } from '../../../../proto/generated/api.d.ts'
import { wallMs } from '../../../common/clock.ts'
import type { ConfigErrors } from '../../../config/errors.ts'
import type { KeyType, LoadedCertificate } from '../../../network/tls/certificate.ts'
import type { CertificateValidator } from '../../../network/tls/certificate_validator.ts'
import { cipherOrderKey, orderedCiphers } from '../../../network/tls/cipher_order.ts'
import type { ClientOffer } from '../../../network/tls/client_offer.ts'
import { type TicketKeySource, useTicketKeys } from '../../../network/tls/ticket_keys.ts'
import { certificateContext, type LoadedTlsContext } from '../../../network/tls/tls_context.ts'
import type { TlsProtocol } from '../../../network/tls/tls_parameters.ts'

type DownstreamTlsContext = envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext

type MakeContext = (ciphers: string, isTls13: boolean) => SecureContext

/** One certificate with the contexts for connections that it is shown to. */
export class ServerCertificate {
  readonly certificate: LoadedCertificate
  readonly #protocol: TlsProtocol
  readonly #make: MakeContext
  /** For clients whose first message cannot be read. */
  readonly #context: SecureContext
  readonly #followsClient: boolean
  readonly #speaksTls13: boolean
  /** By the order of cipher suites, of which clients have few different ones. */
  readonly #contexts = new Map<number, SecureContext>()

  constructor(certificate: LoadedCertificate, protocol: TlsProtocol, make: MakeContext) {
    this.certificate = certificate
    this.#protocol = protocol
    this.#make = make
    this.#followsClient = (protocol.options.secureOptions & constants.SSL_OP_CIPHER_SERVER_PREFERENCE) === 0
    this.#speaksTls13 = protocol.options.maxVersion === 'TLSv1.3'
    this.#context = make(protocol.options.ciphers, false)
  }

  get speaksTls13(): boolean {
    return this.#speaksTls13
  }

  contextFor(hello: ClientOffer | undefined): SecureContext {
    if (hello === undefined) return this.#context
    const isTls13 = this.#speaksTls13 && hello.offersTls13
    const key = this.#followsClient ? Number(isTls13) : cipherOrderKey(hello)
    let context = this.#contexts.get(key)
    if (context === undefined) {
      const order = this.#followsClient ? this.#protocol.options.ciphers : orderedCiphers(this.#protocol, hello)
      context = this.#make(order, isTls13)
      this.#contexts.set(key, context)
    }
    return context
  }
}

/** What is stapled to a certificate: a response, nothing, or the connection cannot be. */
export type StapleAction = 'staple' | 'omit' | 'fail' | 'notAsked'

type ByKeyType = Partial<Record<KeyType, ServerCertificate>>

const defaultSessionTimeoutSeconds = 7200

export class ServerContexts {
  readonly certificates: readonly ServerCertificate[]
  readonly validator: CertificateValidator
  /** Lists of one protocol each in the form of the wire, by the protocol. In order of preference. */
  readonly protocols: ReadonlyMap<string, Buffer>
  readonly requiresClientCertificate: boolean
  readonly #byName = new Map<string, ByKeyType>()
  readonly #fullScan: boolean
  readonly #staplePolicy: DownstreamTlsContext['ocspStaplePolicy']

  constructor(loaded: LoadedTlsContext, view: DownstreamTlsContext, ticketKeys: TicketKeySource, errors: ConfigErrors) {
    this.validator = loaded.validator
    this.requiresClientCertificate = view.requireClientCertificate ?? false
    this.#fullScan = view.fullScanCertsOnSniMismatch ?? false
    this.#staplePolicy = view.ocspStaplePolicy
    this.protocols = new Map(loaded.alpnProtocols.map((name) => [name, wireProtocol(name)]))
    const policy = [
      loaded.certificates.map((certificate) => certificate.leaf.fingerprint256),
      loaded.validator.policyKey,
      this.requiresClientCertificate,
    ]
    // Longer ones than 32 bytes are not allowed.
    const sessionIdContext = createHash('sha256').update(JSON.stringify(policy)).digest('hex').slice(0, 32)
    const noTickets = view.disableStatelessSessionResumption === true
    const more = {
      secureOptions: loaded.protocol.options.secureOptions | (noTickets ? constants.SSL_OP_NO_TICKET : 0),
      sessionIdContext,
      sessionTimeout: Math.trunc((view.sessionTimeout ?? defaultSessionTimeoutSeconds * 1000) / 1000),
    }
    this.certificates = loaded.certificates.flatMap((certificate): ServerCertificate[] => {
      const protocol = loaded.certificateProtocols.get(certificate) ?? loaded.protocol
      const make = (ciphers: string, isTls13: boolean): SecureContext => {
        const context = certificateContext(loaded, certificate, protocol, { ...more, ciphers })
        // Clients use a ticket of TLS 1.3 but once (RFC 8446, appendix C.4): whoever uses one needs another.
        if (!noTickets) useTicketKeys(context, ticketKeys, isTls13)
        return context
      }
      try {
        return [new ServerCertificate(certificate, protocol, make)]
      } catch (error) {
        errors.add(view, undefined, `Failed to initialize the TLS context: ${(error as Error).message}`)
        return []
      }
    })
    for (const each of this.certificates) this.#addNames(each)
  }

  /** The first certificate of a name and a kind of key has it. */
  #addNames(each: ServerCertificate): void {
    const { leaf, keyType } = each.certificate
    const names = leaf.altNames.length > 0 ? leaf.dnsSans : leaf.commonNames.slice(0, 1)
    for (const name of names) {
      const key = name.toLowerCase().replace(/^\*\./, '.')
      const entry = this.#byName.get(key) ?? {}
      entry[keyType] ??= each
      this.#byName.set(key, entry)
    }
  }

  /** Envoy's choice: by name, exact before wildcard, ECDSA for a client that can verify it. */
  select(hello: ClientOffer | undefined): ServerCertificate {
    const [first] = this.certificates
    if (this.certificates.length === 1 || hello === undefined) return first
    const preferred: KeyType = verifiesEcdsa(hello) ? 'ec' : 'rsa'
    const { serverName } = hello
    if (serverName !== '') {
      const dot = serverName.indexOf('.', 1)
      const named = this.#byName.get(serverName) ?? (dot < 0 ? undefined : this.#byName.get(serverName.slice(dot)))
      const found = named?.[preferred] ?? named?.rsa
      if (found !== undefined) return found
      if (!this.#fullScan) return first
    }
    const candidates = this.certificates
    return (
      candidates.find(({ certificate }) => certificate.keyType === preferred) ??
      candidates.find(({ certificate }) => certificate.keyType === 'rsa') ??
      first
    )
  }

  stapleAction(hello: ClientOffer | undefined, { leaf, ocspResponse }: LoadedCertificate): StapleAction {
    if (hello?.wantsOcspResponse !== true) return 'notAsked'
    const isValid = ocspResponse !== undefined && !ocspResponse.isExpired(wallMs())
    if (isValid) return 'staple'
    if (this.#staplePolicy === 'MUST_STAPLE' || leaf.mustStaple) return 'fail'
    return this.#staplePolicy === 'STRICT_STAPLING' && ocspResponse !== undefined ? 'fail' : 'omit'
  }

  /** The protocol to be spoken: the first of ours that the client offers; undefined where there is none. */
  protocolFor(hello: ClientOffer | undefined): Buffer | undefined {
    if (hello === undefined || hello.applicationProtocols.length === 0) return undefined
    for (const [name, wire] of this.protocols) {
      if (hello.applicationProtocols.includes(name)) return wire
    }
    return undefined
  }
}

function wireProtocol(name: string): Buffer {
  const bytes = Buffer.from(name, 'latin1')
  return Buffer.concat([Buffer.from([bytes.length]), bytes])
}

const ecdsaSchemes: readonly number[] = [0x0403, 0x0503, 0x0603]
const nistCurves: readonly number[] = [23, 24, 25]
/** ECDHE-ECDSA with AES-GCM, ChaCha20 and AES-CBC. */
const ecdsaSuites: readonly number[] = [0xc02b, 0xc02c, 0xcca9, 0xc009, 0xc00a, 0xc023, 0xc024]

function verifiesEcdsa(hello: ClientOffer): boolean {
  if (hello.offersTls13) return hello.signatureAlgorithms.some((scheme) => ecdsaSchemes.includes(scheme))
  const curves = hello.groups.length === 0 || hello.groups.some((group) => nistCurves.includes(group))
  return curves && hello.cipherSuites.some((suite) => ecdsaSuites.includes(suite))
}
