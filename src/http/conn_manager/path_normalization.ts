// The one normaliser of request paths: what router, RBAC and logs see (Envoy's path_canonicalization options).

export type EscapedSlashesAction =
  | 'KEEP_UNCHANGED'
  | 'REJECT_REQUEST'
  | 'UNESCAPE_AND_REDIRECT'
  | 'UNESCAPE_AND_FORWARD'

export interface PathNormalization {
  readonly normalizePath: boolean
  readonly mergeSlashes: boolean
  readonly escapedSlashes: EscapedSlashesAction
}

export interface NormalizedPath {
  readonly action: 'continue' | 'reject' | 'redirect'
  /** Of a path that is rejected, as far as its slashes are unescaped. */
  readonly path: string
}

const escapedSlash = /%2f|%5c/i
/** A dot segment with parameters: for servers that leave parameters out, `..;x` is `..`. */
const dotsWithParameters = /(?<=\/\.\.?);[^/]*/g
const onlySlashes = /^\/{2,}$/
const needsNormalizing = /[%\\]|\/\.|[^\x21-\x7e]|["<>^`{|}]/

/** Applies the options in Envoy's order: escaped slashes, dot segments and escapes, then slash merging. */
export function normalizePath(path: string, options: PathNormalization): NormalizedPath {
  const queryAt = path.indexOf('?')
  let route = queryAt < 0 ? path : path.slice(0, queryAt)
  const query = queryAt < 0 ? '' : path.slice(queryAt)
  let redirect = false
  if (options.escapedSlashes !== 'KEEP_UNCHANGED' && escapedSlash.test(route)) {
    route = route.replace(/%2f/gi, '/').replace(/%5c/gi, '\\')
    if (options.escapedSlashes === 'REJECT_REQUEST') return { action: 'reject', path: route + query }
    redirect = options.escapedSlashes === 'UNESCAPE_AND_REDIRECT'
  }
  if (options.normalizePath && needsNormalizing.test(route)) {
    const canonical = canonicalPath(route.replace(dotsWithParameters, ''))
    if (canonical === undefined) return { action: 'reject', path: route + query }
    route = canonical
  }
  // A path of slashes alone keeps its first and its last one, as in Envoy.
  if (options.mergeSlashes) route = onlySlashes.test(route) ? '//' : route.replace(/\/{2,}/g, '/')
  return { action: redirect ? 'redirect' : 'continue', path: route + query }
}

/**
 * A path as URL canonicalisation leaves it: backslashes are slashes, escapes of unreserved characters are undone, dot
 * segments (escaped ones too) are resolved, characters not allowed in a path are escaped. Undefined for an escaped NUL.
 */
function canonicalPath(path: string): string | undefined {
  let text = ''
  /** Where the last `%` stands that begins no escape. */
  let strayPercent = -1
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i)
    if (c === 0x5c) text += '/'
    else if (c === 0x25) {
      const value = Number.parseInt(path.slice(i + 1, i + 3), 16)
      const valid = isEscape(path.slice(i, i + 3))
      if (valid && value === 0) return undefined
      if (valid && isUnreserved(value)) {
        text += String.fromCharCode(value)
        i += 2
      } else {
        if (!valid) strayPercent = text.length
        text += '%'
      }
    } else if (c <= 0x20 || c >= 0x7f || '"<>^`{|}'.includes(path[i]))
      text += `%${c.toString(16).toUpperCase().padStart(2, '0')}`
    else text += path[i]
    // What was undone must not make a new escape of it, for somebody behind to undo (%%32%65 is %2e, once is enough).
    if (text.length === strayPercent + 3 && isEscape(text.slice(strayPercent)))
      text = `${text.slice(0, strayPercent)}%25${text.slice(strayPercent + 1)}`
  }
  // Again, since Envoy overlooks dots that were escaped or behind a backslash, and a backend may not.
  return removeDotSegments(text.replace(dotsWithParameters, ''))
}

function isEscape(text: string): boolean {
  return /^%[0-9a-fA-F]{2}$/.test(text)
}

function isUnreserved(c: number): boolean {
  return (
    (c >= 0x30 && c <= 0x39) ||
    (c >= 0x41 && c <= 0x5a) ||
    (c >= 0x61 && c <= 0x7a) ||
    c === 0x2d ||
    c === 0x2e ||
    c === 0x5f ||
    c === 0x7e
  )
}

/** RFC 3986 section 5.2.4; going above the root stays at the root. */
function removeDotSegments(path: string): string {
  const kept: string[] = []
  const segments = path.split('/')
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i]
    const last = i === segments.length - 1
    if (segment === '.') {
      if (last) kept.push('')
    } else if (segment === '..') {
      kept.pop()
      if (last) kept.push('')
    } else kept.push(segment)
  }
  return `/${kept.join('/')}`
}
