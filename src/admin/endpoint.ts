// What an admin endpoint is: its place in the table, what it is asked, what it answers.

import type { JsonValue } from '../../proto/generated/api.d.ts'
import { printJson } from '../config/proto_json.ts'
import type { QueryParams } from './query_params.ts'

/** A query parameter as `/help` and the home page show it. */
export interface AdminParam {
  readonly name: string
  readonly help: string
  /** A flag is set by its mere presence, a choice takes one of `choices`. */
  readonly kind: 'text' | 'flag' | 'choice'
  readonly choices?: readonly string[]
}

export interface AdminRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Of the URL, or for a change without a query of the form in its body. */
  readonly query: QueryParams
}

export interface AdminReply {
  readonly status: number
  readonly contentType: string
  /** Chunks are written as fast as the client reads them; they may be made on the way, an empty one is a pause. */
  readonly body: string | Iterable<string> | AsyncIterable<string | Buffer>
  readonly headers?: Readonly<Record<string, string>>
  /** Called when the reply has been sent. */
  readonly afterwards?: () => void
}

export interface AdminEndpoint {
  readonly path: string
  readonly help: string
  /** A change needs POST. */
  readonly mutates: boolean
  readonly params: readonly AdminParam[]
  answer(request: AdminRequest): AdminReply | Promise<AdminReply>
}

export const contentTypes = {
  text: 'text/plain; charset=UTF-8',
  json: 'application/json',
  html: 'text/html; charset=UTF-8',
} as const

export function textReply(body: AdminReply['body'], status = 200): AdminReply {
  return { status, contentType: contentTypes.text, body }
}

export function okReply(): AdminReply {
  return textReply('OK\n')
}

/** One space of indent, as Envoy prints. */
export function jsonReply(value: JsonValue): AdminReply {
  return { status: 200, contentType: contentTypes.json, body: `${printJson(value)}\n` }
}
