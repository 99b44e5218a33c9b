// The parameters of an admin request; of a repeated one the first counts, as in Envoy.

export class QueryParams {
  readonly #values = new Map<string, string>()

  /** `text` is a query string without its question mark, or a form. */
  constructor(text: string) {
    for (const pair of text.split('&')) {
      if (pair === '') continue
      const equals = pair.indexOf('=')
      const name = decode(equals < 0 ? pair : pair.slice(0, equals))
      if (!this.#values.has(name)) this.#values.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)))
    }
  }

  get size(): number {
    return this.#values.size
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  get(name: string): string | undefined {
    return this.#values.get(name)
  }

  /** The value, or undefined where it is missing or empty. */
  nonEmpty(name: string): string | undefined {
    return this.#values.get(name) || undefined
  }

  entries(): [name: string, value: string][] {
    return [...this.#values]
  }
}

/** Percent signs that encode nothing stay as they are. A plus is a plus. */
function decode(text: string): string {
  if (!text.includes('%')) return text
  const bytes = text.replace(/%([0-9a-fA-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(isLatin1(bytes) ? bytes : encodeLatin1(bytes), 'latin1').toString('utf8')
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false
  return true
}

/** Characters beyond Latin-1 were written as they are: as their UTF-8 bytes they join those that were encoded. */
function encodeLatin1(text: string): string {
  return text.replace(/[^\0-\u00ff]+/g, (run) => Buffer.from(run, 'utf8').toString('latin1'))
}
