import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileFormat, compileHeaderFormat, compileJsonFormat } from '../../src/access_log/formatter.ts'
import { doubleText } from '../../src/access_log/json_text.ts'
import { formatterContext, headerMap } from './support.ts'

const format = {
  two: '%REQ(NO)%%REQ(NO)%',
  mixed: 'a%REQ(X-NONE)%b%RESPONSE_CODE%',
  nul: null,
  nested: { b: '%PROTOCOL%', a: ['%RESPONSE_CODE%', '%REQ(X-NONE)%', { z: 1.5 }] },
  allnull: { a: '%REQ(NO)%' },
  emptyobj: {},
  emptylist: [],
  empty: '',
  'key "q" é': 'plain " \\ é \u0001',
  pct: '100%%',
  flag: true,
  num: 100_000,
}

test('members are sorted, types kept, absent values null', () => {
  expect(compileJsonFormat(format).format(formatterContext())).toBe(
    '{"allnull":{"a":null},"empty":"","emptylist":[],"emptyobj":{},"flag":true,' +
      '"key \\"q\\" \xc3\xa9":"plain \\" \\\\ \xc3\xa9 \\u0001","mixed":"a-b200",' +
      '"nested":{"a":[200,null,{"z":1.5}],"b":"HTTP/1.1"},"nul":null,"num":1e+05,"pct":"100%","two":"--"}\n',
  )
})

test('omit_empty_values leaves out what is null and objects that end up empty', () => {
  expect(compileJsonFormat(format, { omitEmptyValues: true }).format(formatterContext())).toBe(
    '{"empty":"","emptylist":[],"flag":true,"key \\"q\\" \xc3\xa9":"plain \\" \\\\ \xc3\xa9 \\u0001",' +
      '"mixed":"ab200","nested":{"a":[200,{"z":1.5}],"b":"HTTP/1.1"},"num":1e+05,"pct":"100%","two":""}\n',
  )
  const nothing = compileJsonFormat({ a: '%REQ(NO)%' }, { omitEmptyValues: true })
  expect(nothing.format(formatterContext())).toBe('{}\n')
})

test('omitting in text keeps the dash of the flags', () => {
  const options = { omitEmptyValues: true }
  expect(compileFormat('[%REQ(NO)%|%RESPONSE_FLAGS%]', options).format(formatterContext())).toBe('[|-]')
  expect(compileHeaderFormat('x %REQ(NO)%').format(formatterContext())).toBe('x ')
})

describe('bytes that are not UTF-8 become escapes, valid UTF-8 stays', () => {
  test.each([
    ['ca\xc3\xa9', '"ca\xc3\xa9"'],
    ['caf\xe9', '"caf\\u00e9"'],
    ['\xc3\xa9 \xff\xf0\x9f\x98\x80', '"\\u00c3\\u00a9 \\u00ff\\u00f0\\u009f\\u0098\\u0080"'],
    ['q"\\b/\tz', '"q\\"\\\\b/\\tz"'],
    ['\x7f</script>', '"\x7f</script>"'],
  ])('%j', (value, expected) => {
    const ctx = formatterContext({ requestHeaders: headerMap({ 'x-u': value }) })
    expect(compileJsonFormat({ v: '%REQ(x-u)%' }).format(ctx)).toBe(`{"v":${expected}}\n`)
  })
})

test('any header value gives one line of valid JSON that reads back', () => {
  const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) })
  const compiled = compileJsonFormat({ v: '%REQ(x-u)%', mixed: '<%REQ(x-u)%>' })
  fc.assert(
    fc.property(bytes, (value) => {
      const line = compiled.format(formatterContext({ requestHeaders: headerMap({ 'x-u': value }) }))
      expect(line.indexOf('\n')).toBe(line.length - 1)
      const parsed = JSON.parse(Buffer.from(line, 'latin1').toString('utf8'))
      const utf8 = Buffer.from(value, 'latin1').toString('utf8')
      const expected = utf8.includes('\ufffd') ? value : utf8
      expect(parsed).toEqual({ v: expected, mixed: `<${expected}>` })
    }),
  )
})

test.each([
  [1e-7, '1e-07'],
  [1.1e-5, '1.1e-05'],
  [0.1, '0.1'],
  [0.0001, '1e-04'],
  [123456.789, '123456.789'],
  [1e16, '1e+16'],
  [2 ** 53, '9007199254740992'],
  [Number('12345678901234567890'), '12345678901234567168'],
  [1.5e300, '1.5e+300'],
  [5e-324, '5e-324'],
  [-5.5, '-5.5'],
  [-0, '-0'],
  [0, '0'],
  [23200, '23200'],
  [100000, '1e+05'],
])('the number %d prints as %s', (value, expected) => {
  expect(doubleText(value)).toBe(expected)
})
