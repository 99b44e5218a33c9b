// Single values inside a request's head: query parameters and cookies, as routing looks at them.

import type { HeaderMap } from '../common/header_map.ts'

/** The first value of a query parameter of a path, as it stands, not percent-decoded; '' for a bare name. */
export function queryParameter(path: string, name: string): string | undefined {
  let position = path.indexOf('?')
  while (position >= 0) {
    const start = position + 1
    const next = path.indexOf('&', start)
    const end = next < 0 ? path.length : next
    if (path.startsWith(name, start)) {
      const after = start + name.length
      if (after === end) return ''
      if (after < end && path.charCodeAt(after) === 0x3d) return path.slice(after + 1, end)
    }
    position = next
  }
  return undefined
}

/** The first value of a cookie over all `cookie` headers, without the quotes around it. */
export function cookieValue(headers: HeaderMap, name: string): string | undefined {
  for (let i = 0; i < headers.names.length; i++) {
    if (headers.names[i] !== 'cookie') continue
    const value = cookieInHeader(headers.values[i], name)
    if (value !== undefined) return value
  }
  return undefined
}

function cookieInHeader(header: string, name: string): string | undefined {
  for (const pair of header.split(';')) {
    const text = pair.trimStart()
    if (!text.startsWith(name) || text.charCodeAt(name.length) !== 0x3d) continue
    const value = text.slice(name.length + 1)
    return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
  }
  return undefined
}
