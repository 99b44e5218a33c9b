// Envoy's path templates (`/users/{id}/**`): matching a path, and writing a new one from the variables.

import { type CompiledRegex, compileRegex, RegexError } from './regex.ts'

/** A template that is malformed; the message is Envoy's. */
export class UriTemplateError extends Error {
  override readonly name = 'UriTemplateError'
}

/** Characters of one path segment as RFC 3986 3.3 has them, `%` included. */
const segmentCharacters = "a-zA-Z0-9\\-._~%!$&'()*+,;:@="
const maxVariables = 5
const maxVariableNameLength = 16

/** A compiled template. */
export class UriTemplate {
  readonly variables: readonly string[]
  /** Undefined where a literal's `*` makes a pattern that matches nothing, which Envoy accepts. */
  readonly #regex: CompiledRegex | undefined

  constructor(variables: readonly string[], regex: CompiledRegex | undefined) {
    this.variables = variables
    this.#regex = regex
  }

  /** Whether a path, without its query, matches. */
  matches(path: string): boolean {
    return this.#regex?.fullMatch(path) ?? false
  }

  /** The variables' values by name, or undefined where the path does not match. */
  capture(path: string): ReadonlyMap<string, string> | undefined {
    const groups = this.#regex?.exec(path)
    if (groups === undefined) return undefined
    return new Map(this.variables.map((name, i) => [name, groups[i + 1] ?? '']))
  }
}

/** Compiles a match template. Throws UriTemplateError. */
export function compileUriTemplate(template: string): UriTemplate {
  const parser = new TemplateParser()
  const pattern = parser.parse(template)
  let regex: CompiledRegex | undefined
  try {
    regex = compileRegex(pattern, Number.POSITIVE_INFINITY)
  } catch (error) {
    if (!(error instanceof RegexError)) throw error
  }
  return new UriTemplate(parser.variables, regex)
}

/** Turns a template into a regular expression, checking it on the way. */
class TemplateParser {
  readonly variables: string[] = []
  #textGlobSeen = false

  parse(template: string): string {
    if (!/^\/[\x21-\x7e]*$/.test(template)) throw new UriTemplateError(`Invalid pattern: "${template}"`)
    if (template === '/') return '^/$'
    const segments = splitSegments(template.slice(1))
    const trailingSlash = segments.at(-1) === ''
    if (trailingSlash) segments.pop()
    return `^${segments.map((segment) => `/${this.#segment(segment)}`).join('')}${trailingSlash ? '/' : ''}$`
  }

  /** A glob, a literal, or a variable, each of the first and last with literal text around it. */
  #segment(segment: string): string {
    const open = segment.indexOf('{')
    if (open >= 0) {
      const close = segment.indexOf('}', open)
      if (close < 0) throw new UriTemplateError(`Unmatched variable bracket in mixed pattern: "${segment}"`)
      const before = open === 0 ? '' : literal(segment.slice(0, open), 'Invalid prefix literal')
      const after = this.#suffix(segment.slice(close + 1))
      return before + this.#variable(segment.slice(open + 1, close)) + after
    }
    if (segment.startsWith('**')) return this.#glob('**') + this.#suffix(segment.slice(2))
    if (segment.startsWith('*')) return this.#glob('*') + this.#suffix(segment.slice(1))
    return literal(segment, 'Invalid literal')
  }

  #suffix(text: string): string {
    return text === '' ? '' : literal(text, 'Invalid suffix literal')
  }

  #glob(glob: '*' | '**'): string {
    if (this.#textGlobSeen) throw new UriTemplateError('Glob after text glob.')
    if (glob === '*') return `[${segmentCharacters}]+`
    this.#textGlobSeen = true
    return `[${segmentCharacters}/]*`
  }

  #variable(text: string): string {
    const equals = text.indexOf('=')
    const name = equals < 0 ? text : text.slice(0, equals)
    this.#addVariable(name)
    if (equals < 0) return `(${this.#glob('*')})`
    const match = text.slice(equals + 1)
    if (match === '') throw new UriTemplateError('Empty variable match')
    if (match.length > 1 && match.endsWith('/')) throw new UriTemplateError('Invalid variable match: "/"')
    return `(${match
      .split('/')
      .map((part) => this.#variablePart(part))
      .join('/')})`
  }

  #variablePart(part: string): string {
    if (part === '*' || part === '**') return this.#glob(part)
    if (part.startsWith('*')) throw new UriTemplateError(`Invalid variable match: "${part.replace(/^\*+/, '')}"`)
    return literal(part, 'Invalid literal')
  }

  #addVariable(name: string): void {
    if (name.length > maxVariableNameLength) {
      throw new UriTemplateError(
        `Invalid variable name length (length of "${name}" should be at least 1 and no more than ${maxVariableNameLength})`,
      )
    }
    if (!/^[a-zA-Z][a-zA-Z0-9_]*$/.test(name)) throw new UriTemplateError(`Invalid variable name: "${name}"`)
    if (this.variables.includes(name)) throw new UriTemplateError(`Repeated variable name: "${name}"`)
    if (this.variables.length === maxVariables)
      throw new UriTemplateError(`Exceeded variable count limit (${maxVariables})`)
    this.variables.push(name)
  }
}

/** Splits at slashes outside braces. */
function splitSegments(text: string): string[] {
  const segments: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (character === '{') depth++
    else if (character === '}' && depth > 0) depth--
    else if (character === '/' && depth === 0) {
      segments.push(text.slice(start, i))
      start = i + 1
    }
  }
  segments.push(text.slice(start))
  return segments
}

const literalText = /^[a-zA-Z0-9\-._~%!$&'()*+,;:@=]+$/

/** Literal text as a pattern. A `*` in it keeps its meaning in regular expressions, as it does in Envoy. */
function literal(text: string, complaint: string): string {
  if (!literalText.test(text)) throw new UriTemplateError(`${complaint}: "${text}"`)
  return text.replace(/[$()+.]/g, '\\$&')
}

/** A compiled rewrite template: literals and variable names in turn. */
export class UriTemplateRewrite {
  readonly variables: readonly string[]
  readonly #pieces: readonly { readonly text: string; readonly isVariable: boolean }[]

  constructor(pieces: readonly { readonly text: string; readonly isVariable: boolean }[]) {
    this.#pieces = pieces
    this.variables = pieces.filter((piece) => piece.isVariable).map((piece) => piece.text)
  }

  render(values: ReadonlyMap<string, string>): string {
    let path = ''
    for (const { text, isVariable } of this.#pieces) path += isVariable ? (values.get(text) ?? '') : text
    return path
  }
}

/** Compiles a rewrite template. Throws UriTemplateError. */
export function compileUriTemplateRewrite(template: string): UriTemplateRewrite {
  const complaint = `path_rewrite_policy.path_template_rewrite ${template} is invalid`
  if (!template.startsWith('/') || template.includes('//')) throw new UriTemplateError(complaint)
  const pieces: { text: string; isVariable: boolean }[] = []
  for (const piece of template.split(/(\{[^{}]*\})/)) {
    if (piece === '') continue
    if (piece.startsWith('{') && piece.endsWith('}')) pieces.push({ text: piece.slice(1, -1), isVariable: true })
    else if (/^[a-zA-Z0-9\-._~%!$&'()*+,;:@=/]+$/.test(piece)) pieces.push({ text: piece, isVariable: false })
    else throw new UriTemplateError(complaint)
  }
  return new UriTemplateRewrite(pieces)
}
