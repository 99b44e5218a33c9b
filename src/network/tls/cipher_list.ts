// Cipher lists as Envoy's configuration writes them (BoringSSL's language), put into OpenSSL's.

/** Suites of TLS 1.2 and before by the standard's names, which BoringSSL takes as well. */
const standardNames: Readonly<Record<string, string>> = {
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 'ECDHE-RSA-AES128-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
}

const suites: ReadonlySet<string> = new Set(Object.values(standardNames))

/** Known to BoringSSL; here they could not be agreed on, for want of a shared key or of the cipher. */
const withoutEffect: ReadonlySet<string> = new Set(
  `DES-CBC3-SHA PSK-AES128-CBC-SHA PSK-AES256-CBC-SHA ECDHE-PSK-AES128-CBC-SHA ECDHE-PSK-AES256-CBC-SHA
   ECDHE-PSK-CHACHA20-POLY1305 PSK kPSK aPSK 3DES TLSv1`.split(/\s+/),
)

/** Names of lists. */
const lists: Readonly<Record<string, string>> = {
  DEFAULT: 'ALL',
  FIPS: 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384',
}

/** Groups of suites by what they have in common. */
const keywords: ReadonlySet<string> = new Set(
  `ALL kRSA kECDHE kEECDH aRSA aECDSA ECDSA ECDHE EECDH AES128 AES256 AES AESGCM CHACHA20 SHA1 SHA SHA256 SHA384 TLSv1.2
   HIGH`.split(/\s+/),
)

export const defaultCipherSuites: readonly string[] = [
  '[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]',
  '[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
]

/** Suites of TLS 1.3, which no configuration changes, in BoringSSL's order. */
export const tls13Suites = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256'

export interface CipherList {
  /** For OpenSSL, without the suites of TLS 1.3. */
  readonly openssl: string
  /** There is a group `[A|B]` of equals: the client's order decides among them. */
  readonly hasEquals: boolean
  /** Parts that are no cipher suites. */
  readonly rejected: readonly string[]
}

/** Entries of `cipher_suites`; each may hold several rules, separated by colons or commas. */
export function translateCipherSuites(entries: readonly string[]): CipherList {
  const rules: string[] = []
  const rejected: string[] = []
  let hasEquals = false
  for (const part of entries.flatMap((entry) => entry.split(/[:, ;]/)).filter((entry) => entry !== '')) {
    const group = /^\[(.*)\]$/.exec(part)
    const names = group === null ? [part] : group[1].split('|')
    const unknown = names.flatMap(unknownTerms)
    rejected.push(...unknown)
    if (unknown.length > 0) continue
    if (group !== null) hasEquals = true
    rules.push(...names.flatMap(translateRule))
  }
  return { openssl: rules.join(':'), hasEquals, rejected }
}

function termsOf(rule: string): string[] {
  const selector = rule.replace(/^[!+-]/, '')
  return selector in lists || suites.has(selector) ? [selector] : selector.split('+')
}

function unknownTerms(rule: string): string[] {
  if (rule === '@STRENGTH') return []
  return termsOf(rule).filter(
    (term) =>
      !(suites.has(standardNames[term] ?? term) || keywords.has(term) || withoutEffect.has(term) || term in lists),
  )
}

/** Nothing for what is without effect. */
function translateRule(rule: string): string[] {
  if (rule === '@STRENGTH') return [rule]
  const terms = termsOf(rule)
  if (terms.some((term) => withoutEffect.has(term))) return []
  const operator = /^[!+-]/.exec(rule)?.[0] ?? ''
  return [operator + terms.map((term) => lists[term] ?? standardNames[term] ?? term).join('+')]
}
