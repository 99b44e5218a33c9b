/** JSON to messages of a descriptor set and back. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readDescriptorSet } from '../../../src/config/dynamic/descriptor_set.ts'
import { encodeJson } from '../../../src/config/dynamic/json_encoder.ts'
import { type PrintOptions, printJson } from '../../../src/config/dynamic/json_printer.ts'
import { type JsonNode, JsonReader, type JsonReaderMode } from '../../../src/config/dynamic/json_reader.ts'
import { formatDouble, formatFloat, quoteString } from '../../../src/config/dynamic/json_text.ts'
import { buildDescriptorSet } from '../../support/descriptor_set.ts'

const text = `
syntax = "proto3";
package t;
message All {
  int64 a = 1; string b = 2; repeated sint32 c = 3; map<string, All> d = 4; double e = 5; bytes f = 6;
  All g = 7; E h = 8; google.protobuf.Struct i = 9; google.protobuf.Timestamp j = 10; fixed64 k = 11; bool l = 12;
  repeated All m = 13; google.protobuf.Int64Value n = 14; float o = 15;
}
enum E { ZERO = 0; ONE = 1; }
`
const pool = readDescriptorSet(buildDescriptorSet(text))
const all = pool.messages.get('t.All')!
const plain: PrintOptions = {
  addWhitespace: false,
  alwaysPrintPrimitiveFields: false,
  alwaysPrintEnumsAsInts: false,
  preserveProtoFieldNames: false,
}

/** Reads JSON in pieces of so many bytes. */
function read(json: string, step = 1000, mode: JsonReaderMode = 'whole'): JsonNode[] {
  const nodes: JsonNode[] = []
  const reader = new JsonReader(mode, (node) => nodes.push(node))
  const bytes = Buffer.from(json)
  for (let at = 0; at < bytes.length; at += step) reader.write(bytes.subarray(at, at + step))
  reader.end()
  return nodes
}

function roundTrip(json: string): string {
  return printJson(pool, all, encodeJson(pool, all, read(json)[0], { caseInsensitiveEnums: false }), plain)
}

describe('messages', () => {
  it('keep what JSON says of them', () => {
    const json =
      '{"a":"-5","b":"grüße 😀","c":[1,-2],"d":{"x":{"l":true},"y":{}},"e":0.1,"f":"AQI=","g":{"g":{}},"h":"ONE",' +
      '"i":{"p":[1,{"q":null}]},"j":"2024-02-29T00:00:00.500Z","k":"18446744073709551615","l":true,"m":[{},{"b":"z"}],"n":"0","o":1.5}'
    expect(roundTrip(json)).toBe(json)
  })

  it('print every double as it reads back', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Object.is(Number(formatDouble(value)), value)).toBe(true)
        const float = Math.fround(value)
        if (Number.isFinite(float)) expect(Object.is(Math.fround(Number(formatFloat(float))), float)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('print every text as JSON that reads back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(JSON.parse(quoteString(value))).toBe(value)
      }),
      { numRuns: 300 },
    )
  })

  it('name the place of what is wrong', () => {
    const encode = (json: string) => () => encodeJson(pool, all, read(json)[0], { caseInsensitiveEnums: false })
    expect(encode('{"m":[{"g":{"c":["x"]}}]}')).toThrow('m[0].g.c[0]: invalid value "x" for type TYPE_SINT32')
    expect(encode('{"d":{"k":{"h":"TWO"}}}')).toThrow(
      'd[0].value.h: invalid value "TWO" for type type.googleapis.com/t.E',
    )
    expect(encode('5')).toThrow(': Root element must be a message.')
  })
})

describe('the reader', () => {
  const documents = [
    '{"a":1,"b":"x\\u00e9\\ud83d\\ude00","c":[true,false,null,-1.5e3,{"d":{}}], e: \'q\',}',
    '["grüße",[],{},12345678901234567890123,""]',
    '  "lone"  ',
  ]

  it.each(documents)('reads the same in pieces of any size: %s', (json) => {
    const whole = read(json)
    for (let step = 1; step <= 7; step++) expect(read(json, step)).toEqual(whole)
  })

  it('hands out the elements of a list as they become complete', () => {
    const nodes: JsonNode[] = []
    const reader = new JsonReader('elements', (node) => nodes.push(node))
    reader.write(Buffer.from('[{"a":1},{"b"'))
    expect(nodes.length).toBe(1)
    reader.write(Buffer.from(':2},3]'))
    expect(nodes.length).toBe(3)
    reader.end()
  })

  it('fails alike in pieces of any size on documents that are cut off', () => {
    for (const json of documents) {
      for (let end = 1; end < json.trimEnd().length - 1; end++) {
        const cut = json.slice(0, end)
        const outcome = (step: number) => {
          try {
            return read(cut, step).length
          } catch {
            return 'refused'
          }
        }
        expect([cut, outcome(1)]).toEqual([cut, outcome(1000)])
      }
    }
  })
})
