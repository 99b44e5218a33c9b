import { afterEach, describe, expect, test } from 'vitest'
import { compileDateFormat } from '../../src/access_log/date_format.ts'

/** 2026-11-21T07:28:51.004326Z, a Saturday. */
const moment = 1_795_246_131_004.326

describe('UTC', () => {
  test.each([
    ['', '2026-11-21T07:28:51.004Z'],
    ['%Y/%m/%dT%H:%M:%S%z', '2026/11/21T07:28:51+0000'],
    ['%s.%3f', '1795246131.004'],
    ['%s%6f', '1795246131004326'],
    ['%9f %f %1f', '004326000 004326000 0'],
    ['%3f%s%3f', '0041795246131004'],
    ['%a %A %b %B %h', 'Sat Saturday Nov November Nov'],
    ['%c', 'Sat Nov 21 07:28:51 2026'],
    ['%C %d %D %e %F %g %G', '20 21 11/21/26 21 2026-11-21 26 2026'],
    ['%H %I %j %m %M %p %P %k|%l', '07 07 325 11 28 AM am  7| 7'],
    ['%r %R %S %T %X', '07:28:51 AM 07:28 51 07:28:51 07:28:51'],
    ['%u %U %V %w %W %x %y %Y %Z', '6 46 47 6 46 11/21/26 26 2026 UTC'],
    ['%z %:z %::z %Ez', '+0000 +00:00 +00:00:00 +00:00'],
    ['%Es %E3S %E3f %E*S %E0S %E9S', '1795246131 51.004 004 51.004326 51 51.004326000'],
    ['%E*f %E4Y %ET', '004326 2026 T'],
    ['%N|%L|%q|%v|%E2Y|%|%%', '%N|%L|%q|%v|%E2Y|%|%'],
    ['100%', '100%'],
  ])('%s', (pattern, expected) => {
    expect(compileDateFormat(pattern, false)(moment)).toBe(expected)
  })

  test('weeks at the turn of the year', () => {
    const format = compileDateFormat('%G-%V %g %U %W %j %u', false)
    expect(format(Date.UTC(2027, 0, 1))).toBe('2026-53 26 00 00 001 5')
    expect(format(Date.UTC(2024, 11, 30))).toBe('2025-01 25 52 53 365 1')
    expect(format(Date.UTC(2023, 0, 1))).toBe('2022-52 22 01 00 001 7')
  })

  test('the kept second is left behind in both directions', () => {
    const format = compileDateFormat('', false)
    expect([moment, moment + 1000, moment + 996, moment].map(format)).toEqual([
      '2026-11-21T07:28:51.004Z',
      '2026-11-21T07:28:52.004Z',
      '2026-11-21T07:28:52.000Z',
      '2026-11-21T07:28:51.004Z',
    ])
  })
})

describe('local time', () => {
  const before = process.env.TZ

  afterEach(() => {
    if (before === undefined) delete process.env.TZ
    else process.env.TZ = before
  })

  test('follows the zone, its offset and its name', () => {
    process.env.TZ = 'America/St_Johns'
    expect(compileDateFormat('', true)(moment)).toBe('2026-11-21T03:58:51.004-0330')
    expect(compileDateFormat('%F %T %:z %s', true)(moment)).toBe('2026-11-21 03:58:51 -03:30 1795246131')
    process.env.TZ = 'UTC'
    expect(compileDateFormat('%H:%M %Z %z', true)(moment)).toBe('07:28 UTC +0000')
  })
})
