/** Frames as the steps of a parity case: strings, one byte a character. */
import { clientPreface, FrameFlag, FrameType } from '../../../src/http/codec/http2/constants.ts'
import * as raw from '../../http/codec/http2/raw_peer.ts'

export type Fields = raw.Fields

const text = (buffer: Buffer): string => buffer.toString('latin1')

export function frame(type: number, flags = 0, streamId = 0, payload = ''): string {
  return text(raw.frame(type, flags, streamId, payload))
}

export function word(value: number): string {
  return text(raw.word(value))
}

/** A header block of literals. */
export function block(fields: Fields): string {
  return text(raw.block(fields))
}

/** The fields of a GET of `/` at `a.test`, and more. */
export function request(...extra: (readonly [string, string])[]): Fields {
  return pseudo('GET', '/', extra)
}

export function post(...extra: (readonly [string, string])[]): Fields {
  return pseudo('POST', '/', extra)
}

export function pseudo(method: string, path: string, extra: Fields = []): Fields {
  return [[':method', method], [':scheme', 'http'], [':path', path], [':authority', 'a.test'], ...extra]
}

/** A whole header block; it ends the stream unless `goesOn`. */
export function headers(streamId: number, fields: Fields, goesOn: 'ends' | 'goesOn' = 'ends'): string {
  return text(raw.headers(streamId, fields, goesOn === 'ends'))
}

export function data(streamId: number, payload: string, goesOn: 'ends' | 'goesOn' = 'ends'): string {
  return text(raw.data(streamId, payload, goesOn === 'ends'))
}

export function padded(type: number, flags: number, streamId: number, payload: string, padding: number): string {
  const length = String.fromCharCode(padding)
  return frame(type, flags | FrameFlag.padded, streamId, `${length}${payload}${'\0'.repeat(padding)}`)
}

export function continuation(streamId: number, payload: string, flags = 0): string {
  return frame(FrameType.continuation, flags, streamId, payload)
}

export function rst(streamId: number, code: number): string {
  return text(raw.rstStream(streamId, code))
}

export function windowUpdate(streamId: number, increment: number): string {
  return text(raw.windowUpdate(streamId, increment))
}

export function settings(...entries: readonly (readonly [number, number])[]): string {
  return text(raw.settings(...entries))
}

export function ping(payload = 'abcdefgh', flags = 0): string {
  return frame(FrameType.ping, flags, 0, payload)
}

export function priority(streamId: number, dependsOn: number, weight = 1): string {
  return frame(FrameType.priority, 0, streamId, word(dependsOn) + String.fromCharCode(weight))
}

export function goAway(last: number, code: number, debug = ''): string {
  return frame(FrameType.goAway, 0, 0, word(last) + word(code) + debug)
}

export const settingsAck = text(raw.settingsAck)

/** What a client begins with, and an acknowledgement of the server's SETTINGS. */
export const hello = clientPreface + settings() + settingsAck
