/** One entry of the malformed corpus: exact bytes for a proxy, one character a byte. */

/** Listeners of the corpus: defaults, or one option changed (see `corpus_suite.ts`). */
export type CorpusListener = 'plain' | 'http10' | 'chunked_length' | 'tunnels' | 'trailers' | 'lenient'

export interface RawRequestCase {
  name: string
  raw: string
  listener?: CorpusListener
  /** Sent after the first part was answered or left unanswered. */
  second?: string
}

export interface RawResponseCase {
  name: string
  raw: string
  /** FIN after the bytes. */
  finish?: boolean
  method?: 'GET' | 'HEAD'
  listener?: CorpusListener
}

export const CRLF = '\r\n'
export const HOST = 'Host: a.test\r\n'

/** A request of the lines given, with Host first and an empty line last. */
export function get(...fields: string[]): string {
  return `GET / HTTP/1.1\r\n${HOST}${fields.map((field) => `${field}\r\n`).join('')}\r\n`
}

export function post(fields: string[], body = ''): string {
  return `POST / HTTP/1.1\r\n${HOST}${fields.map((field) => `${field}\r\n`).join('')}\r\n${body}`
}

export function chunked(body: string): string {
  return post(['Transfer-Encoding: chunked'], body)
}

export function line(requestLine: string): string {
  return `${requestLine}\r\n${HOST}\r\n`
}
