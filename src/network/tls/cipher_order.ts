// The server's order of cipher suites for one client. BoringSSL lets the client choose among equals, which OpenSSL knows
// nothing of: there, the list itself has to have the client's order.

import type { ClientOffer } from './client_offer.ts'
import type { TlsProtocol } from './tls_parameters.ts'

const tls13Names: Readonly<Record<number, string>> = {
  4865: 'TLS_AES_128_GCM_SHA256',
  4866: 'TLS_AES_256_GCM_SHA384',
  4867: 'TLS_CHACHA20_POLY1305_SHA256',
}

/** AES-128-GCM and ChaCha20 with the same key exchange: equals in Envoy's default list. */
const equals: readonly { readonly aes: number; readonly chaCha: number; readonly keyExchange: string }[] = [
  { aes: 0xc02b, chaCha: 0xcca9, keyExchange: 'ECDHE-ECDSA' },
  { aes: 0xc02f, chaCha: 0xcca8, keyExchange: 'ECDHE-RSA' },
]

/** Equal for clients that get the same list of `orderedCiphers`: cheaper to make than the list, for each connection. */
export function cipherOrderKey({ offersTls13, cipherSuites }: ClientOffer): number {
  let key = 0
  if (offersTls13) {
    // Each counts once, or clients could make ever new keys.
    let seen = 0
    for (const suite of cipherSuites) {
      const number = suite - 4864
      if (number < 1 || number > 3 || (seen & (1 << number)) !== 0) continue
      seen |= 1 << number
      key = key * 4 + number
    }
    return key
  }
  for (const { aes, chaCha } of equals) key = key * 2 + (isBefore(cipherSuites, chaCha, aes) ? 1 : 0)
  return -1 - key
}

/** The suites of TLS 1.3 as the client has them, where it speaks it: all are equal to a server with hardware for AES. */
export function orderedCiphers({ options, choice, hasEqualCiphers }: TlsProtocol, hello: ClientOffer): string {
  const { ciphers } = options
  const { offersTls13, cipherSuites } = hello
  if (offersTls13) {
    const own = choice.tls13Suites.split(':')
    const offered = [...new Set(cipherSuites.map((suite) => tls13Names[suite] ?? ''))].filter((name) =>
      own.includes(name),
    )
    const rest = own.filter((name) => !offered.includes(name))
    return ciphers.replace(choice.tls13Suites, [...offered, ...rest].join(':'))
  }
  if (!hasEqualCiphers) return ciphers
  let ordered = ciphers
  for (const { aes, chaCha, keyExchange } of equals) {
    if (!isBefore(cipherSuites, chaCha, aes)) continue
    const names = [`${keyExchange}-AES128-GCM-SHA256`, `${keyExchange}-CHACHA20-POLY1305`]
    ordered = ordered.replace(names.join(':'), names.toReversed().join(':'))
  }
  return ordered
}

function isBefore(list: readonly number[], first: number, second: number): boolean {
  const at = list.indexOf(first)
  const other = list.indexOf(second)
  return at >= 0 && (other < 0 || at < other)
}
