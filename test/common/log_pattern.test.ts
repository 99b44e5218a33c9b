// Log line patterns: what Envoy 1.40 prints for the same.

import { expect, test } from 'vitest'
import { compileJsonPattern, compilePattern, jsonPatternProblem, type LogRecord } from '../../src/common/log_pattern.ts'

const record: LogRecord = {
  time: new Date(Date.UTC(2026, 10, 21, 8, 33, 54, 769)),
  sincePreviousMs: 1.5,
  level: 2,
  name: 'main',
  message: 'first "line"\nsecond',
  location: () => ({ file: 'src/server/server.ts', line: 12, functionName: 'start' }),
}

const patterns: [pattern: string, line: string][] = [
  ['[%Y-%m-%d %T.%e][%l][%n] [%g:%#] %!', '[2026-11-21 08:33:54.769][info][main] [src/server/server.ts:12] start'],
  ['%a %A %b %B %h', 'Sat Saturday Nov November Nov'],
  ['%c|%C|%D|%x|%E', 'Sat Nov 21 08:33:54 2026|26|11/21/26|11/21/26|1795250034'],
  ['%H %I %M %S %p|%r|%R|%X|%z', '08 08 33 54 AM|08:33:54 AM|08:33|08:33:54|+00:00'],
  ['%e %f %F', '769 769000 769000000'],
  ['%i %u %o %O', '1500 1500000 1 0'],
  ['%L %s %@', 'I server.ts src/server/server.ts:12'],
  ['[%5l][%-6n][%=8l][%2!n]', '[ info][main  ][  info  ][ma]'],
  ['%^%l%$ 100%% %q %y %k', 'info 100% %q %y %k'],
  ['%v', 'first "line"\nsecond'],
  ['%_', 'first "line"\\nsecond'],
  ['%j', 'first \\"line\\"\\nsecond'],
]
test.each(patterns)('%s', (pattern, line) => {
  expect(compilePattern(pattern)(record)).toBe(line)
})

test('noon and midnight are 12', () => {
  const at = (hour: number) => ({ ...record, time: new Date(Date.UTC(2026, 0, 1, hour)) })
  expect(compilePattern('%I %p')(at(0))).toBe('12 AM')
  expect(compilePattern('%I %p')(at(12))).toBe('12 PM')
})

test('the source location is not looked for where the pattern does not name it', () => {
  const unlocated = { ...record, location: () => expect.unreachable('a stack trace costs') }
  expect(compilePattern('%l %n')(unlocated)).toBe('info main')
})

test('a JSON format gives JSON whatever the message holds', () => {
  const line = compileJsonPattern({
    level: '%l',
    message: '%j',
    'a "key"': { at: '%g:%#', list: ['%n', 1, true, null] },
  })
  expect(JSON.parse(line(record))).toEqual({
    level: 'info',
    message: 'first "line"\nsecond',
    'a "key"': { at: 'src/server/server.ts:12', list: ['main', 1, true, null] },
  })
})

test('raw messages are refused in JSON formats', () => {
  expect(jsonPatternProblem({ a: { b: '%v' } })).toBe('Usage of %v is unavailable for JSON log formats')
  expect(jsonPatternProblem({ a: '%_' })).toBe('Usage of %_ is unavailable for JSON log formats')
  expect(jsonPatternProblem({ a: '%j' })).toBeUndefined()
})
