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
    const translated = names.map(translateRule)
    if (translated.includes(undefined)) {
      rejected.push(part)
      continue
    }
    if (group !== null) hasEquals = true
    for (const rule of translated) rules.push(rule as string)
  }
  return { openssl: rules.join(':'), hasEquals, rejected }
}

function translateRule(rule: string): string | undefined {
  if (rule === '@STRENGTH') return rule
  const [, operator, selector] = /^([!+-]?)(.*)$/.exec(rule) as unknown as [string, string, string]
  const terms = selector.split('+').map((term) => standardNames[term] ?? term)
  if (terms.some((term) => !suites.has(term) && !keywords.has(term))) return undefined
  return operator + terms.join('+')
}
