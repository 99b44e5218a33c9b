import { expect, test } from 'vitest'
import { formatGeneral, formatInteger, formatJsonDouble, formatShortest } from '../../src/stats/number_format.ts'

test.each([
  [1_800_000, 6, '1.8e+06'],
  [600_000, 6, '600000'],
  [123456.789, 6, '123457'],
  [0.5, 6, '0.5'],
  [0.00001, 6, '1e-05'],
  [0.0001, 6, '0.0001'],
  [1.05, 32, '1.0500000000000000444089209850063'],
  [11301.555983330549, 32, '11301.555983330548770027235150337'],
  [3.5e9, 32, '3500000000'],
  [930.0000000000001, 15, '930'],
  [999_999.5, 6, '1e+06'],
  [1_234_565, 6, '1.23456e+06'],
  [1_234_575, 6, '1.23458e+06'],
  [66283897.3499718, 32, '66283897.349971801042556762695312'],
  [-12.5, 6, '-12.5'],
  [0, 6, '0'],
  [Number.NaN, 6, 'nan'],
  [Number.POSITIVE_INFINITY, 6, 'inf'],
])('formatGeneral(%d, %d) is %s', (value, precision, text) => {
  expect(formatGeneral(value, precision)).toBe(text)
})

test.each([
  [9.011111111111111, '9.011111111111111'],
  [6550, '6550'],
  [1e15, '1000000000000000'],
  [1e16, '1e+16'],
  [0.0001, '0.0001'],
  [0.00001, '1e-05'],
  [Number.NaN, 'nan'],
])('formatShortest(%d) is %s', (value, text) => {
  expect(formatShortest(value)).toBe(text)
})

test.each([
  [300_000, '3e+05'],
  [1_800_000, '1800000'],
  [10_000, '10000'],
  [930.0000000000001, '930.0000000000001'],
  [3.5e9, '3.5e+09'],
  [Number.NaN, 'null'],
])('formatJsonDouble(%d) is %s', (value, text) => {
  expect(formatJsonDouble(value)).toBe(text)
  expect(JSON.parse(text)).toBe(Number.isNaN(value) ? null : value)
})

test('integers never get an exponent', () => {
  expect(formatInteger(4294967295)).toBe('4294967295')
  expect(formatInteger(2 ** 80)).toBe('1208925819614629174706176')
  expect(formatInteger(12.7)).toBe('12')
})
