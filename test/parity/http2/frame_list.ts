/** Writes down what came on an HTTP/2 connection, so that two proxies can be compared and a reader sees what happened. */
import { clientPreface, ErrorCode, FrameFlag, FrameType } from '../../../src/http/codec/http2/constants.ts'
import { HpackDecoder } from '../../../src/http/codec/http2/hpack/decoder.ts'

const frameHeaderBytes = 9
const frameNames = new Map<number, string>(
  Object.entries(FrameType).map(([name, type]) => [type, name.replace(/[A-Z]/g, '_$&').toUpperCase()]),
)
const errorNames = new Map<number, string>(
  Object.entries(ErrorCode).map(([name, code]) => [code, name.replace(/[A-Z]/g, '_$&').toUpperCase()]),
)

/** The lines of one stream, or of the connection. */
class Lines {
  readonly lines: string[] = []
  #data: string | undefined = undefined
  /** What WINDOW_UPDATE frames gave: how many there are is each side's own choice. */
  window = 0

  add(line: string): void {
    this.#endData()
    this.lines.push(line)
  }

  /** How data is cut into frames is free: one line for what comes in a row. */
  data(text: string, flags: string): void {
    this.#data = (this.#data ?? '') + text
    if (flags !== '') this.#endData(flags)
  }

  #endData(flags = ''): void {
    if (this.#data === undefined) return
    const text = this.#data.length > 200 ? `${this.#data.length} bytes` : JSON.stringify(this.#data)
    this.#data = undefined
    this.lines.push(`DATA ${text}${flags}`)
  }

  finish(): readonly string[] {
    this.#endData()
    if (this.window > 0) this.lines.push(`WINDOW_UPDATE +${this.window} in all`)
    return this.lines
  }
}

class FrameListReader {
  readonly #decoder = new HpackDecoder(1 << 16)
  readonly #lines = new Map<number, Lines>()
  #block: Buffer[] = []
  #blockFlags = 0

  of(streamId: number): Lines {
    const found = this.#lines.get(streamId) ?? new Lines()
    this.#lines.set(streamId, found)
    return found
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    const lines = this.of(streamId)
    const end = (flags & FrameFlag.endStream) !== 0 ? ' end' : ''
    switch (type) {
      case FrameType.data:
        lines.data(payload.toString('latin1'), end)
        break
      case FrameType.headers:
        this.#blockFlags = flags
        this.#addToBlock(lines, flags, payload)
        break
      case FrameType.continuation:
        this.#addToBlock(lines, flags, payload)
        break
      case FrameType.windowUpdate:
        lines.window += payload.readUInt32BE(0)
        break
      case FrameType.rstStream:
        lines.add(`RST_STREAM ${errorName(payload.readUInt32BE(0))}`)
        break
      case FrameType.settings:
        lines.add((flags & FrameFlag.ack) !== 0 ? 'SETTINGS ack' : `SETTINGS ${settingsText(payload)}`)
        break
      case FrameType.ping:
        lines.add(`PING${(flags & FrameFlag.ack) !== 0 ? ' ack' : ''} ${pingText(payload)}`)
        break
      case FrameType.goAway:
        // Debug data is in each proxy's own words.
        lines.add(`GOAWAY last=${payload.readUInt32BE(0)} ${errorName(payload.readUInt32BE(4))}`)
        break
      default:
        lines.add(`${frameNames.get(type) ?? `frame ${type}`} flags=${flags} ${payload.length} bytes`)
    }
  }

  #addToBlock(lines: Lines, flags: number, payload: Buffer): void {
    this.#block.push(payload)
    if ((flags & FrameFlag.endHeaders) === 0) return
    const block = Buffer.concat(this.#block)
    this.#block = []
    lines.add(`HEADERS${(this.#blockFlags & FrameFlag.endStream) !== 0 ? ' end' : ''}`)
    const pseudo: string[] = []
    const fields: string[] = []
    this.#decoder.decode(
      block,
      (name, value) => {
        const list = name.startsWith(':') ? pseudo : fields
        list.push(`  ${name}: ${value}`)
        return true
      },
      0,
      block.length,
    )
    // The order among the pseudo-headers is free.
    for (const line of [...pseudo.sort(), ...fields]) lines.add(line)
  }

  text(): string {
    const ids = [...this.#lines.keys()].sort((a, b) => a - b)
    return ids.map((id) => [id === 0 ? 'connection:' : `stream ${id}:`, ...this.of(id).finish()].join('\n')).join('\n')
  }
}

function errorName(code: number): string {
  return errorNames.get(code) ?? String(code)
}

/** Payloads of a proxy's own are the time of day. */
function pingText(payload: Buffer): string {
  const text = payload.toString('latin1')
  return /^[ -~]*$/.test(text) ? text : `${payload.length} bytes`
}

function settingsText(payload: Buffer): string {
  const entries: string[] = []
  for (let p = 0; p + 6 <= payload.length; p += 6)
    entries.push(`${payload.readUInt16BE(p)}=${payload.readUInt32BE(p + 2)}`)
  return entries.sort().join(' ')
}

/**
 * Of the bytes of one direction, one character a byte: first the connection's frames, then those of each stream, each in
 * their order. Bytes that are no HTTP/2 stand as they are.
 */
export function frameList(text: string): string {
  const isClient = text.startsWith(clientPreface)
  const bytes = Buffer.from(isClient ? text.slice(clientPreface.length) : text, 'latin1')
  if (text.startsWith('HTTP/1')) return text
  const reader = new FrameListReader()
  let p = 0
  while (bytes.length - p >= frameHeaderBytes) {
    const end = p + frameHeaderBytes + bytes.readUIntBE(p, 3)
    if (end > bytes.length) break
    reader.frame(
      bytes[p + 3],
      bytes[p + 4],
      bytes.readUInt32BE(p + 5) & 0x7fffffff,
      bytes.subarray(p + frameHeaderBytes, end),
    )
    p = end
  }
  return reader.text()
}
