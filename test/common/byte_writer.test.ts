/** Memory that grows with what is written and shrinks when it is used again. */
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../src/common/byte_writer.ts'

function append(writer: ByteWriter, text: string): void {
  writer.reserve(text.length)
  writer.length += writer.bytes.write(text, writer.length, 'latin1')
}

function written(writer: ByteWriter): string {
  return writer.bytes.toString('latin1', 0, writer.length)
}

describe('a byte writer', () => {
  test('keeps what is written however much it grows', () => {
    const writer = new ByteWriter(4)
    let expected = ''
    for (let i = 0; i < 200; i++) {
      append(writer, `${i},`)
      expected += `${i},`
    }
    append(writer, 'x'.repeat(5000))
    expect(written(writer)).toBe(expected + 'x'.repeat(5000))
  })

  test('gives back what it grew by when it is cleared', () => {
    const writer = new ByteWriter(16)
    append(writer, 'x'.repeat(100))
    writer.clear()
    expect([writer.length, writer.bytes.length]).toEqual([0, 16])
    const { bytes } = writer
    append(writer, 'y'.repeat(16))
    writer.clear()
    expect(writer.bytes).toBe(bytes)
  })
})
