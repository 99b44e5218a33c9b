/** Header blocks to lists of `name: value` lines and back. */
import { ByteWriter } from '../../../../../src/common/byte_writer.ts'
import type { HpackDecoder } from '../../../../../src/http/codec/http2/hpack/decoder.ts'
import type { HpackEncoder } from '../../../../../src/http/codec/http2/hpack/encoder.ts'

export type FieldList = readonly (readonly [name: string, value: string])[]

export function decodeFields(decoder: HpackDecoder, block: Buffer): [string, string][] {
  const fields: [string, string][] = []
  decoder.decode(block, (name, value) => {
    fields.push([name, value])
    return true
  })
  return fields
}

const out = new ByteWriter(64)

export function encodeFields(encoder: HpackEncoder, fields: FieldList): Buffer {
  out.clear()
  encoder.beginBlock(out)
  for (const [name, value] of fields) encoder.writeField(name, value, out)
  return Buffer.from(out.bytes.subarray(0, out.length))
}

/** Bytes from hexadecimal digits, with any spaces. */
export function hex(digits: string): Buffer {
  return Buffer.from(digits.replace(/\s+/g, ''), 'hex')
}

export function lines(text: string): [string, string][] {
  return text
    .trim()
    .split(/\s*\n\s*/)
    .map((line) => {
      const colon = line.indexOf(': ', 1)
      return [line.slice(0, colon), line.slice(colon + 2)]
    })
}
