// Base64 over bodies that come in pieces: requests in groups of four characters, responses frame by frame.

import { GrpcFrameReader } from '../../../../http/grpc_frames.ts'

const none = Buffer.alloc(0)

/** Decodes what there is in whole groups and keeps the rest. */
export class Base64GroupDecoder {
  #rest = ''

  get isEmpty(): boolean {
    return this.#rest === ''
  }

  /** What the whole groups give; undefined where they are no base64. */
  push(data: Buffer): Buffer | undefined {
    const text = this.#rest + data.toString('latin1')
    const whole = text.length - (text.length % 4)
    this.#rest = text.slice(whole)
    if (whole === 0) return none
    const groups = text.slice(0, whole)
    return isBase64(groups) ? Buffer.from(groups, 'base64') : undefined
  }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const notBase64 = 255
/** What each character stands for. */
const values = new Uint8Array(256).fill(notBase64)
for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i

/** Padding may stand at the end alone, and the bits that it leaves over must be 0. */
function isBase64(text: string): boolean {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const last = text.length - padding
  for (let i = 0; i < last; i++) if (values[text.charCodeAt(i)] === notBase64) return false
  const spareBits = padding === 2 ? 0x0f : padding === 1 ? 0x03 : 0
  return (values[text.charCodeAt(last - 1)] & spareBits) === 0
}

/**
 * Encodes each gRPC frame by itself, with padding at its end, so that a client can decode frames as they come. Of a frame
 * that is not complete it gives what makes whole groups: a large message is never held back.
 */
export class Base64FrameEncoder {
  readonly #frames = new GrpcFrameReader()
  /** Up to two bytes of the frame that do not make a group yet. */
  #rest: Buffer = none

  push(data: Buffer): Buffer {
    let encoded = ''
    for (let at = 0; at < data.length; ) {
      const end = this.#frames.readTo(data, at)
      const part = data.subarray(at, end)
      const bytes = this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part])
      const whole = this.#frames.betweenFrames ? bytes.length : bytes.length - (bytes.length % 3)
      encoded += bytes.toString('base64', 0, whole)
      this.#rest = Buffer.from(bytes.subarray(whole))
      at = end
    }
    return Buffer.from(encoded, 'latin1')
  }
}
