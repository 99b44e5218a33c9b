/** What an HTTP/1 client and its backends send in a parity case, as HTTP/2 clients and backends would say it. */

import { clientPreface, FrameFlag, FrameType } from '../../../src/http/codec/http2/constants.ts'
import type { Http2ReplyStep } from '../../support/http2_backend.ts'
import type { ParityCase, ReplyStep, Step } from '../case.ts'
import {
  block,
  continuation,
  data,
  type Fields,
  frame,
  rst,
  settings,
  settingsAck,
  windowUpdate,
} from '../http2/frames.ts'

/** The case is about HTTP/1 itself. */
export class Untranslatable extends Error {}

interface Message {
  readonly start: readonly string[]
  readonly fields: Fields
  readonly body: string
  readonly trailers: Fields
  /** What follows it. */
  readonly rest: string
}

/** A client whose windows are no matter. */
const windowBytes = 1 << 24
const hello = clientPreface + settings([4, windowBytes]) + settingsAck + windowUpdate(0, windowBytes)
const frameBytes = 16384

/** Fields of HTTP/1 that say what HTTP/2 says otherwise, or not at all. */
const left = new Set(['host', 'connection', 'upgrade', 'transfer-encoding', 'keep-alive', 'proxy-connection'])
const translatable = /^(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT) \S+ HTTP\/1\.1\r\n/

export function http2Case(one: ParityCase, downstream: boolean, upstream: boolean): ParityCase {
  const isPlain = one.pipe === undefined && one.tls === undefined && one.holdConnections === undefined
  if (!isPlain || one.frames === true || one.http2Replies !== undefined || one.replyAt === 'connect')
    throw new Untranslatable()
  const requests = one.steps.filter((step) => typeof step === 'string')
  const expects = {
    tunnel: requests.some((text) => /^CONNECT |\r\nupgrade:/i.test(text)),
    body: !requests.some((text) => text.startsWith('HEAD ')),
  }
  const result = downstream ? http2Client(one) : one
  if (!upstream) return result
  const plain = typeof one.reply === 'string' ? [one.reply] : (one.reply ?? [])
  const replies = one.replies ?? (one.reply === undefined ? [] : [plain])
  if (replies.length === 0 && !expects.tunnel) return { ...result, reply: undefined }
  const http2Replies = replies.map((steps) => http2Reply(steps, expects))
  return {
    ...result,
    reply: undefined,
    replies: undefined,
    http2Replies,
    replyAt: expects.tunnel ? 'head' : one.replyAt,
  }
}

// ---- The client ----------------------------------------------------------------------------------------------------

function http2Client(one: ParityCase): ParityCase {
  const client = new Http2Steps()
  return { ...one, frames: true, steps: [hello, ...one.steps.flatMap((step) => client.translate(step))] }
}

class Http2Steps {
  #streamId = -1
  #isTunnel = false
  /** Of a body that comes after its head. */
  #bytesLeft = 0

  translate(step: Step): Step[] {
    if (typeof step === 'string') return [this.#isTunnel ? data(this.#streamId, step, 'goesOn') : this.#requests(step)]
    // The head of a response is there.
    if ('waitFor' in step) return [{ waitFor: frameText(step.waitFor) }]
    if ('waitCount' in step) return [{ waitCount: [frameText(step.waitCount[0]), step.waitCount[1]] }]
    if ('reset' in step) return [rst(this.#streamId, 8)]
    if ('waitBackend' in step || 'quietMs' in step || 'admin' in step || 'file' in step) return [step]
    throw new Untranslatable()
  }

  #requests(text: string): string {
    const body = text.slice(0, this.#bytesLeft)
    this.#bytesLeft -= body.length
    let frames = body === '' ? '' : data(this.#streamId, body, this.#bytesLeft === 0 ? 'ends' : 'goesOn')
    for (let rest = text.slice(body.length); rest !== ''; ) {
      if (!translatable.test(rest)) throw new Untranslatable()
      const message = readMessage(rest)
      rest = message.rest
      frames += this.#request(message)
    }
    return frames
  }

  #request({ start, fields, body, trailers }: Message): string {
    this.#streamId += 2
    const id = this.#streamId
    const [method, path] = start
    const host = fieldOf(fields, 'host')
    const upgrade = fieldOf(fields, 'upgrade')
    const kept = fields.filter(([name]) => !left.has(name))
    if (kept.some(([name, value]) => name === 'te' && value !== 'trailers')) throw new Untranslatable()
    const pseudo: [string, string][] = [[':method', upgrade === undefined ? method : 'CONNECT']]
    if (method !== 'CONNECT') pseudo.push([':scheme', 'http'], [':path', path])
    pseudo.push([':authority', method === 'CONNECT' ? path : (host ?? '')])
    if (upgrade !== undefined) pseudo.push([':protocol', upgrade])
    this.#isTunnel = method === 'CONNECT' || upgrade !== undefined
    if (this.#isTunnel) return headers(id, [...pseudo, ...kept], 'goesOn')
    if (host === undefined || path.includes('#') || !/^[/*]/.test(path)) throw new Untranslatable()
    const parts: string[] = []
    const hasTrailers = trailers.length > 0
    if (body === '') this.#bytesLeft = Number(fieldOf(fields, 'content-length') ?? 0)
    const endsHere = body === '' && !hasTrailers && this.#bytesLeft === 0
    parts.push(headers(id, [...pseudo, ...kept], endsHere ? 'ends' : 'goesOn'))
    for (let p = 0; p < body.length; p += frameBytes) {
      const isLast = p + frameBytes >= body.length && !hasTrailers
      parts.push(data(id, body.slice(p, p + frameBytes), isLast ? 'ends' : 'goesOn'))
    }
    if (hasTrailers) parts.push(headers(id, trailers))
    return parts.join('')
  }
}

/** A header block, in as many frames as it takes. */
function headers(id: number, fields: Fields, goesOn: 'ends' | 'goesOn' = 'ends'): string {
  const whole = block(fields)
  const endStream = goesOn === 'ends' ? FrameFlag.endStream : 0
  const endHeaders = (end: number): number => (end >= whole.length ? FrameFlag.endHeaders : 0)
  let frames = frame(FrameType.headers, endStream | endHeaders(frameBytes), id, whole.slice(0, frameBytes))
  for (let p = frameBytes; p < whole.length; p += frameBytes)
    frames += continuation(id, whole.slice(p, p + frameBytes), endHeaders(p + frameBytes))
  return frames
}

/** What stands in a list of frames where the text stands in HTTP/1. */
function frameText(text: string): string {
  if (text === '\r\n\r\n' || text === '\r\n') return 'HEADERS'
  const status = /^HTTP\/1\.1(?: (\d+))?/.exec(text)
  if (status !== null) return `:status: ${status[1] ?? ''}`
  if (text.includes('\r\n')) throw new Untranslatable()
  return text
}

// ---- The backend ---------------------------------------------------------------------------------------------------

/** What the requests of a case make of its responses. */
interface Expected {
  readonly tunnel: boolean
  readonly body: boolean
}

function http2Reply(steps: readonly ReplyStep[], expects: Expected): readonly Http2ReplyStep[] {
  return steps.flatMap((step): Http2ReplyStep[] => {
    if (typeof step === 'string') return responses(step, expects)
    // Without an answer the connection goes as with HTTP/1; with one it is left in order.
    if ('finish' in step) return typeof steps[0] === 'string' ? [{ finish: true }] : [{ destroy: true }]
    if ('reset' in step) return [{ rst: 2 }]
    return [step]
  })
}

function responses(text: string, expects: Expected): Http2ReplyStep[] {
  const steps: Http2ReplyStep[] = []
  for (let rest = text; rest !== ''; ) {
    if (!rest.startsWith('HTTP/1.1 ')) throw new Untranslatable()
    const message = readMessage(rest)
    rest = message.rest
    const status = Number(message.start[1])
    const head = record(status, message.fields)
    if (status === 101 || (expects.tunnel && status === 200))
      steps.push({ headers: { ...head, ':status': 200 } }, { echo: true })
    else if (status < 200) steps.push({ info: head as Record<string, string | number> })
    else if (message.trailers.length > 0)
      steps.push({ headers: head }, { data: message.body }, { trailers: Object.fromEntries(message.trailers) })
    else if (message.body !== '') steps.push({ headers: head }, { data: message.body, end: true })
    else if (expects.body && Number(head['content-length'] ?? 0) > 0) steps.push({ headers: head })
    else steps.push({ headers: head, end: true })
  }
  return steps
}

function record(status: number, fields: Fields): Record<string, string | number | string[]> {
  const result: Record<string, string | number | string[]> = { ':status': status }
  for (const [name, value] of fields) {
    if (left.has(name)) continue
    const before = result[name]
    if (before === undefined) result[name] = value
    else if (Array.isArray(before)) before.push(value)
    else result[name] = [String(before), value]
  }
  return result
}

// ---- HTTP/1 --------------------------------------------------------------------------------------------------------

function readMessage(text: string): Message {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) throw new Untranslatable()
  const [startLine, ...lines] = text.slice(0, end).split('\r\n')
  const fields = lines.map(readField)
  const start = startLine.split(' ')
  const after = text.slice(end + 4)
  if (fieldOf(fields, 'transfer-encoding') !== undefined) return { start, fields, ...readChunks(after) }
  const length = Number(fieldOf(fields, 'content-length') ?? 0)
  const hasBody = !/^(204|304|1..)$/.test(start[1])
  const bytes = hasBody && after !== '' ? length : 0
  if (after.length < bytes) throw new Untranslatable()
  return { start, fields, body: after.slice(0, bytes), trailers: [], rest: after.slice(bytes) }
}

function readChunks(text: string): Pick<Message, 'body' | 'trailers' | 'rest'> {
  let body = ''
  for (let rest = text; ; ) {
    const size = /^([0-9a-f]+)\r\n/i.exec(rest)
    if (size === null) throw new Untranslatable()
    const length = Number.parseInt(size[1], 16)
    const from = size[0].length
    if (length === 0) {
      const end = rest.startsWith('\r\n', from) ? from : rest.indexOf('\r\n\r\n', from) + 2
      if (end < from) throw new Untranslatable()
      const lines = rest
        .slice(from, end)
        .split('\r\n')
        .filter((line) => line !== '')
      return { body, trailers: lines.map(readField), rest: rest.slice(end + 2) }
    }
    if (!rest.startsWith('\r\n', from + length)) throw new Untranslatable()
    body += rest.slice(from, from + length)
    rest = rest.slice(from + length + 2)
  }
}

function readField(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  if (colon <= 0) throw new Untranslatable()
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}

function fieldOf(fields: Fields, name: string): string | undefined {
  return fields.find(([other]) => other === name)?.[1]
}
