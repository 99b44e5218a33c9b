// Names of resources by the xDS transport protocol's URIs: `xdstp://authority/type/id?context=parameters#directives`
// (https://github.com/cncf/xds/blob/main/proposals/TP1-xds-transport-next.md).

const scheme = 'xdstp://'

export interface XdstpName {
  readonly authority: string
  /** Bare message name. */
  readonly resourceType: string
  /** Ends with `/*` for a collection of all that begin so. */
  readonly id: string
  readonly contextParams: Readonly<Record<string, string>>
  /** Behind `#`, as written. */
  readonly directives: string
}

/** Undefined for every other name, which is opaque. Throws where the URI is malformed. */
export function parseXdstpName(name: string): XdstpName | undefined {
  if (!name.startsWith(scheme)) return undefined
  const slash = name.indexOf('/', scheme.length)
  const authority = slash < 0 ? name.slice(scheme.length) : name.slice(scheme.length, slash)
  const [rest, directives = ''] = splitOnce(slash < 0 ? '' : name.slice(slash + 1), '#')
  const [path, query = ''] = splitOnce(rest, '?')
  const [resourceType, id = ''] = splitOnce(path, '/')
  if (resourceType === '') throw new Error(`Resource type missing from ${name}`)
  const params = query === '' ? [] : query.split('&').map((pair) => splitOnce(pair, '='))
  return {
    authority: decode(authority),
    resourceType: decode(resourceType),
    id: id.split('/').map(decode).join('/'),
    contextParams: Object.fromEntries(params.map(([key, value = '']) => [decode(key), decode(value)])),
    directives,
  }
}

/** One spelling for names that are the same: context parameters stand in the order of their keys. */
export function canonicalName(name: string): string {
  if (!name.startsWith(scheme) || !name.includes('?')) return name
  let parsed: XdstpName | undefined
  try {
    parsed = parseXdstpName(name)
  } catch {
    return name
  }
  return parsed === undefined ? name : formatXdstpName(parsed)
}

export function formatXdstpName({ authority, resourceType, id, contextParams, directives }: XdstpName): string {
  const path = id === '' ? '' : `/${id.split('/').map(encodePart).join('/')}`
  const params = Object.keys(contextParams)
    .sort()
    .map((key) => `${encodePart(key)}=${encodePart(contextParams[key])}`)
  const query = params.length === 0 ? '' : `?${params.join('&')}`
  return `${scheme}${encodePart(authority)}/${resourceType}${path}${query}${directives === '' ? '' : `#${directives}`}`
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

/** What would end a part, and nothing else. */
function encodePart(part: string): string {
  return part.replace(/[%?#[\]&= ]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new Error(`malformed escape in ${part}`)
  }
}
