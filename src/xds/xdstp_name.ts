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
    id: decode(id),
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
  const path = id === '' ? '' : `/${encode(id, inPath)}`
  const params = Object.keys(contextParams)
    .sort()
    .map((key) => `${encode(key, inQuery)}=${encode(contextParams[key], inQuery)}`)
  const query = params.length === 0 ? '' : `?${params.join('&')}`
  const host = encode(authority, inAuthority)
  return `${scheme}${host}/${resourceType}${path}${query}${directives === '' ? '' : `#${directives}`}`
}

/**
 * The name that asks for all that stand beside this one: `xdstp://authority/type/path/*?context=parameters`. Undefined for
 * a name that is no xdstp one.
 */
export function globCollectionOf(name: string): string | undefined {
  if (!name.startsWith(scheme)) return undefined
  const query = name.indexOf('?')
  const path = query < 0 ? name : name.slice(0, query)
  return `${path.slice(0, path.lastIndexOf('/') + 1)}*${name.slice(path.length)}`
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

/** What would end a part, and what is not printable, as Envoy has it. */
const inAuthority = /[%/?#]|[^ -}]/gu
const inPath = /[%?#[\]]|[^ -}]/gu
const inQuery = /[%#[\]&=]|[^ -}]/gu

function encode(part: string, reserved: RegExp): string {
  return part.replace(reserved, (char) =>
    [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}

/** What is no escape stays as it is. */
function decode(part: string): string {
  if (!part.includes('%')) return part
  const bytes = Buffer.from(part).toString('latin1')
  const decoded = bytes.replace(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)))
  return Buffer.from(decoded, 'latin1').toString()
}
