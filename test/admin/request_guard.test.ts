// Which requests of browsers are refused.

import { expect, test } from 'vitest'
import { refusalOf } from '../../src/admin/request_guard.ts'

const asked = (headers: Record<string, string>, mutates = false, onLoopback = true) =>
  refusalOf({ headers, mutates }, onLoopback)

test.each([
  '127.0.0.1:9901',
  '127.0.0.1',
  '[::1]:9901',
  '[::1]',
  'localhost:9901',
  'LOCALHOST',
  'admin.localhost:1',
  '10.0.0.7:9901',
])('host %s may be asked for on a loopback address', (host) => {
  expect(asked({ host })).toBeUndefined()
})

test.each([
  'evil.example',
  'evil.example:9901',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  '[evil]:1',
  'a:b:c',
])('host %s is refused on a loopback address, and allowed on another', (host) => {
  expect(asked({ host })).toMatch(/^host .* not allowed/)
  expect(asked({ host }, false, false)).toBeUndefined()
})

test('a request without a host is no browser', () => {
  expect(asked({})).toBeUndefined()
})

test('a change must come from our own origin', () => {
  const host = '127.0.0.1:9901'
  expect(asked({ host, origin: 'http://127.0.0.1:9901' }, true)).toBeUndefined()
  expect(asked({ host, origin: 'https://127.0.0.1:9901' }, true)).toBeUndefined()
  expect(asked({ host, origin: 'http://127.0.0.1:8080' }, true)).toMatch(/^origin .* not allowed/)
  expect(asked({ host, origin: 'http://evil.example' }, true)).toMatch(/^origin .* not allowed/)
  expect(asked({ host, origin: 'null' }, true)).toMatch(/^origin .* not allowed/)
  expect(asked({ host: 'proxy.example', origin: 'http://evil.example' }, true, false)).toMatch(/^origin .* not allowed/)
  expect(asked({ host, origin: 'http://evil.example' })).toBeUndefined()
})

test('another site may link here, but neither embed nor post', () => {
  const host = '127.0.0.1:9901'
  const site = { host, 'sec-fetch-site': 'cross-site' }
  expect(asked({ ...site, 'sec-fetch-mode': 'navigate' })).toBeUndefined()
  expect(asked({ ...site, 'sec-fetch-mode': 'no-cors' })).toMatch(/other sites/)
  expect(asked({ ...site, 'sec-fetch-mode': 'navigate' }, true)).toMatch(/other sites/)
  expect(asked({ host, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, true)).toBeUndefined()
})
