// Path templates of google.api.http (`/v1/{name=shelves/*}/books/{id}:archive`).

/** A variable of a template and the segments that it takes. */
export interface TemplateVariable {
  readonly fieldPath: readonly string[]
  readonly startSegment: number
  /** Exclusive. Negative where the variable has `**`: then it counts from the end, -1 being behind the last one. */
  readonly endSegment: number
}

export interface HttpTemplate {
  /** Literals, `*` for one segment, `**` for all that follow. */
  readonly segments: readonly string[]
  /** What stands behind the colon; '' for none. */
  readonly verb: string
  readonly variables: readonly TemplateVariable[]
}

/** Undefined where the text is no template, or has a wildcard behind a `**`. */
export function parseHttpTemplate(text: string): HttpTemplate | undefined {
  if (text === '/') return { segments: [], verb: '', variables: [] }
  const template = new TemplateParser(text).parse()
  if (template === undefined) return undefined
  const rest = template.segments.indexOf('**')
  const behind = rest < 0 ? [] : template.segments.slice(rest + 1)
  return behind.some((segment) => segment === '*' || segment === '**') ? undefined : template
}

class TemplateParser {
  readonly #text: string
  #at = 0
  readonly #segments: string[] = []
  readonly #open: { fieldPath: string[]; start: number; end: number; hasRest: boolean }[] = []

  constructor(text: string) {
    this.#text = text
  }

  parse(): HttpTemplate | undefined {
    if (!this.#take('/') || !this.#sequence(false)) return undefined
    let verb = ''
    if (this.#take(':')) {
      verb = this.#literal()
      if (verb === '') return undefined
    }
    if (this.#at < this.#text.length) return undefined
    const count = this.#segments.length
    const variables = this.#open.map(({ fieldPath, start, end, hasRest }) => ({
      fieldPath,
      startSegment: start,
      endSegment: hasRest ? end - count - 1 : end,
    }))
    return { segments: this.#segments, verb, variables }
  }

  /** Segments with slashes between them. */
  #sequence(inVariable: boolean): boolean {
    do {
      if (!this.#segment(inVariable)) return false
    } while (this.#take('/'))
    return true
  }

  #segment(inVariable: boolean): boolean {
    if (this.#take('*')) {
      const isRest = this.#take('*')
      this.#segments.push(isRest ? '**' : '*')
      if (isRest && inVariable) this.#open[this.#open.length - 1].hasRest = true
      return true
    }
    if (this.#text[this.#at] === '{') return !inVariable && this.#variable()
    const literal = this.#literal()
    if (literal === '') return false
    this.#segments.push(literal)
    return true
  }

  #variable(): boolean {
    this.#at++
    const [path] = /^[^.}=]+(\.[^.}=]+)*/.exec(this.#text.slice(this.#at)) ?? ['']
    if (path === '') return false
    this.#at += path.length
    const variable = { fieldPath: path.split('.'), start: this.#segments.length, end: 0, hasRest: false }
    this.#open.push(variable)
    if (!this.#take('=')) this.#segments.push('*')
    else if (!this.#sequence(true)) return false
    variable.end = this.#segments.length
    return this.#take('}')
  }

  #literal(): string {
    const [literal] = /^[^/:}]*/.exec(this.#text.slice(this.#at)) ?? ['']
    this.#at += literal.length
    return literal
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }
}
