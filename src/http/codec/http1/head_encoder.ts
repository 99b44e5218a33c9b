// Writes HTTP/1 message heads as text.

import { STATUS_CODES } from 'node:http'
import type { HeaderMap } from '../../../common/header_map.ts'

/** Statuses that Node has a phrase for and Envoy has not. */
const unnamed = new Set([102, 103, 418, 451, 509])

/** The registered phrase of a status, as Envoy writes it. */
export function reasonPhrase(status: number): string {
  if (status === 599) return 'Last Unassigned Server Error Code'
  return unnamed.has(status) ? 'Unknown' : (STATUS_CODES[status] ?? 'Unknown')
}

const statusLines: string[] = []
for (let status = 100; status < 1000; status++) statusLines[status] = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`

/** `HTTP/1.1 200 OK` and CRLF. An empty reason means the registered phrase of the status. */
export function statusLine(status: number, reason: string): string {
  return reason === '' ? statusLines[status] : `HTTP/1.1 ${status} ${reason}\r\n`
}

const properCaseNames = new Map<string, string>()

/** `content-type` as `Content-Type`: upper case after the start and after each character that is no letter or digit. */
export function properCase(name: string): string {
  let cased = properCaseNames.get(name)
  if (cased === undefined) {
    cased = name.replace(/(^|[^a-z0-9])([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase())
    if (properCaseNames.size < 4096) properCaseNames.set(name, cased)
  }
  return cased
}

/**
 * A name as it is written: as the message that it stands in was received, where that side preserves the case; otherwise
 * as this side writes names.
 */
export function writtenName(name: string, headers: HeaderMap, properCased: boolean): string {
  const { receivedCase } = headers
  if (receivedCase === undefined) return properCased ? properCase(name) : name
  return receivedCase.of(name) ?? (receivedCase.properCaseForAdded ? properCase(name) : name)
}

/** The header lines of a message, each with its CRLF, without the empty line. A request's authority comes first. */
export function headerLines(headers: HeaderMap, properCased: boolean): string {
  const { names, values, authority } = headers
  // A response's `host` is a header as any other.
  const hostAt = authority === '' ? -1 : names.indexOf('host')
  const cased = properCased || headers.receivedCase !== undefined
  let text = ''
  if (authority !== '') text = `${cased ? writtenName('host', headers, properCased) : 'host'}: ${authority}\r\n`
  if (!cased) {
    for (let i = 0; i < names.length; i++) if (i !== hostAt) text += `${names[i]}: ${values[i]}\r\n`
    return text
  }
  for (let i = 0; i < names.length; i++) {
    if (i !== hostAt) text += `${writtenName(names[i], headers, properCased)}: ${values[i]}\r\n`
  }
  return text
}
