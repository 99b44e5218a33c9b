// Finds the rule for a method and a path among the templates of all services, and what its variables are bound to.

import { type HttpTemplate, parseHttpTemplate } from './http_template.ts'
import { queryUnescape, type UrlUnescapeSpec, urlUnescape } from './url_unescape.ts'

/** A part of the request's URL that names a field (by its path) and gives it a value (a byte string). */
export interface VariableBinding {
  readonly fieldPath: readonly string[]
  readonly value: string
}

export interface PathMatch<Target> {
  readonly target: Target
  readonly bindings: readonly VariableBinding[]
}

export interface PathMatcherOptions {
  readonly urlUnescapeSpec: UrlUnescapeSpec
  readonly queryParamUnescapePlus: boolean
  readonly matchUnregisteredCustomVerb: boolean
  /** Query parameters that bind nothing. */
  readonly ignoredQueryParameters: ReadonlySet<string>
}

interface Rule<Target> {
  readonly target: Target
  readonly template: HttpTemplate
  /** Several templates of this form were registered: then none of them matches. */
  ambiguous: boolean
}

class Node<Target> {
  readonly children = new Map<string, Node<Target>>()
  /** By HTTP method and verb, written together. */
  readonly rules = new Map<string, Rule<Target>>()

  rule(key: string): Rule<Target> | undefined {
    return this.rules.get(key) ?? this.rules.get('*')
  }
}

export class PathMatcher<Target> {
  readonly #options: PathMatcherOptions
  readonly #root = new Node<Target>()
  readonly #verbs = new Set<string>()

  constructor(options: PathMatcherOptions) {
    this.#options = options
  }

  /** False where the path is no template. */
  register(httpMethod: string, path: string, target: Target): boolean {
    const template = parseHttpTemplate(path)
    if (template === undefined) return false
    let node = this.#root
    for (const segment of template.segments) {
      let child = node.children.get(segment)
      if (child === undefined) {
        child = new Node<Target>()
        node.children.set(segment, child)
      }
      node = child
    }
    const key = httpMethod + template.verb
    const existing = node.rules.get(key)
    if (existing === undefined) node.rules.set(key, { target, template, ambiguous: false })
    else existing.ambiguous = true
    if (template.verb !== '') this.#verbs.add(template.verb)
    return true
  }

  /** `path` without, `query` behind the question mark. */
  match(httpMethod: string, path: string, query: string): PathMatch<Target> | undefined {
    const { verb, parts } = this.#split(path)
    const rule = find(this.#root, false, parts, 0, httpMethod + verb)
    if (rule === undefined || rule.ambiguous) return undefined
    return {
      target: rule.target,
      bindings: [...this.#pathBindings(rule.template, parts), ...this.#queryBindings(query)],
    }
  }

  #split(path: string): { verb: string; parts: string[] } {
    const colon = path.lastIndexOf(':')
    let verb = ''
    if (colon > path.lastIndexOf('/')) {
      const last = path.slice(colon + 1)
      if (this.#options.matchUnregisteredCustomVerb || this.#verbs.has(last)) verb = last
      if (verb !== '' || this.#options.matchUnregisteredCustomVerb) path = path.slice(0, colon)
    }
    const parts = path === '' ? [] : path.slice(1).split('/')
    while (parts.length > 0 && parts[parts.length - 1] === '') parts.pop()
    return { verb, parts }
  }

  #pathBindings(template: HttpTemplate, parts: readonly string[]): VariableBinding[] {
    return template.variables.map(({ fieldPath, startSegment, endSegment }) => {
      const end = endSegment >= 0 ? endSegment : parts.length + endSegment + 1
      const isMultipart = end - startSegment > 1 || endSegment < 0
      const spec = isMultipart ? this.#options.urlUnescapeSpec : 'ALL_CHARACTERS'
      const segments = parts.slice(startSegment, end)
      return { fieldPath, value: segments.map((segment) => urlUnescape(segment, spec)).join('/') }
    })
  }

  #queryBindings(query: string): VariableBinding[] {
    if (query === '') return []
    const bindings: VariableBinding[] = []
    for (const parameter of query.split('&')) {
      const equals = parameter.indexOf('=')
      if (equals <= 0) continue
      const name = parameter.slice(0, equals)
      if (this.#options.ignoredQueryParameters.has(name)) continue
      const value = queryUnescape(parameter.slice(equals + 1), this.#options.queryParamUnescapePlus)
      bindings.push({ fieldPath: name.split('.'), value })
    }
    return bindings
  }
}

/** Literals go before `*`, `*` before `**`; what leads nowhere is tried no further. */
function find<Target>(
  node: Node<Target>,
  isRest: boolean,
  parts: readonly string[],
  at: number,
  key: string,
): Rule<Target> | undefined {
  for (; at < parts.length; at++) {
    const literal = node.children.get(parts[at])
    const found = literal === undefined ? undefined : find(literal, parts[at] === '**', parts, at + 1, key)
    if (found !== undefined) return found
    // Behind `**` any number of segments may go before what the template says next.
    if (!isRest) break
  }
  // `**` stands for nothing as well.
  if (at >= parts.length) return node.rule(key) ?? node.children.get('**')?.rule(key)
  for (const wildcard of ['*', '**']) {
    const child = node.children.get(wildcard)
    const found = child === undefined ? undefined : find(child, wildcard === '**', parts, at + 1, key)
    if (found !== undefined) return found
  }
  return undefined
}
