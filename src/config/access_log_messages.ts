// Messages of the access log service in protobuf's binary form: entries one by one, then many of them as one message.
import type { envoy } from '../../proto/generated/api.d.ts'
import { encodeMessage } from './wire_encode.ts'

export type HttpAccessLogEntry = envoy.data.accesslog.v3.HTTPAccessLogEntry
export type TcpAccessLogEntry = envoy.data.accesslog.v3.TCPAccessLogEntry
export type AccessLogCommon = envoy.data.accesslog.v3.AccessLogCommon
export type TlsProperties = envoy.data.accesslog.v3.TLSProperties
export type ResponseFlags = envoy.data.accesslog.v3.ResponseFlags

/** A view of which some fields are set, at every depth. */
export type Sparse<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer Element)[]
    ? readonly Sparse<Element>[]
    : T extends object
      ? { readonly [Key in keyof T]?: Sparse<T[Key]> | undefined }
      : T

/** What a message's entries are of. */
export type AccessLogEntryKind = 'http' | 'tcp'

const data = 'envoy.data.accesslog.v3'
const message = 'envoy.service.accesslog.v3.StreamAccessLogsMessage'
/** Numbers of the message's fields `http_logs` and `tcp_logs`, and of `log_entry` inside both. */
const entriesField: Readonly<Record<AccessLogEntryKind, number>> = { http: 2, tcp: 3 }
const logEntryField = 1

export function encodeHttpEntry(entry: Sparse<HttpAccessLogEntry>): Uint8Array {
  return encodeMessage(`${data}.HTTPAccessLogEntry`, entry)
}

export function encodeTcpEntry(entry: Sparse<TcpAccessLogEntry>): Uint8Array {
  return encodeMessage(`${data}.TCPAccessLogEntry`, entry)
}

/** A message that says who sends, which is the beginning of a stream's first one. */
export function encodeIdentifier(node: envoy.config.core.v3.Node, logName: string): Uint8Array {
  return encodeMessage(message, { identifier: { node, logName } })
}

/** A message of encoded entries. Bytes that follow on those of another message belong to that (protobuf merges them). */
export function joinEntries(kind: AccessLogEntryKind, entries: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const entry of entries) length += fieldSize(entry.length)
  const bytes = Buffer.allocUnsafe(fieldSize(length))
  let at = writeFieldHead(bytes, 0, entriesField[kind], length)
  for (const entry of entries) {
    at = writeFieldHead(bytes, at, logEntryField, entry.length)
    bytes.set(entry, at)
    at += entry.length
  }
  return bytes
}

/** Of a field with one byte of tag and a body of `length` bytes. */
function fieldSize(length: number): number {
  let size = 2 + length
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) size++
  return size
}

const lengthDelimited = 2

/** Tag and length; returns where the body begins. */
function writeFieldHead(bytes: Uint8Array, at: number, field: number, length: number): number {
  bytes[at++] = (field << 3) | lengthDelimited
  let rest = length
  for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80
  bytes[at++] = rest
  return at
}
