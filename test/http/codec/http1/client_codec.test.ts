/** The client side of the HTTP/1 codec on plain bytes. */
import { describe, expect, test } from 'vitest'
import { readResponse } from './codec_events.ts'

function read(text: string, method?: string) {
  return readResponse([Buffer.from(text, 'latin1')], method)
}

describe('responses', () => {
  test('of a length', () => {
    const outcome = read('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect(outcome.messages[0]).toMatchObject({ body: 'ok', complete: true })
    expect(outcome).toMatchObject({ refusal: '', extraBytes: false, endedWell: true })
  })

  test('until the end of the connection', () => {
    const outcome = read('HTTP/1.1 200 OK\r\n\r\nhello')
    expect(outcome.messages[0]).toMatchObject({ body: 'hello', complete: true })
    expect(outcome.endedWell).toBe(true)
  })

  test.each([
    ['in its body', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok'],
    ['in its chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n'],
    ['in its head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['before it began', ''],
  ])('cut %s do not end well', (_, text) => {
    const outcome = read(text)
    expect(outcome.endedWell).toBe(false)
    expect(outcome.messages.every(({ complete }) => !complete)).toBe(true)
  })

  test('interim ones come first, any number of them', () => {
    const outcome = read(`${'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n'.repeat(3)}HTTP/1.1 204 No Content\r\n\r\n`)
    expect(outcome.interim).toEqual(Array.from({ length: 3 }, () => ['    103', 'link: a']))
    expect(outcome.messages).toEqual([expect.objectContaining({ head: ['    204'], complete: true })])
  })

  test.each(['HEAD', 'GET'])('304 and those to HEAD have no body whatever they say (%s)', (method) => {
    const status = method === 'HEAD' ? '200 OK' : '304 Not Modified'
    const outcome = read(`HTTP/1.1 ${status}\r\nContent-Length: 10\r\n\r\n`, method)
    expect(outcome.messages[0]).toMatchObject({ body: '', complete: true })
  })

  test('bytes behind one are noticed', () => {
    expect(read('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n')).toMatchObject({
      extraBytes: true,
    })
  })

  test.each([
    ['two lengths, even to HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 'HEAD'],
    ['two lengths on 304', 'HTTP/1.1 304 X\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 'GET'],
    ['a body on 204', 'HTTP/1.1 204 X\r\nContent-Length: 1\r\n\r\na', 'GET'],
    ['chunks on 101', 'HTTP/1.1 101 X\r\nTransfer-Encoding: chunked\r\n\r\n', 'GET'],
    ['a length on 103', 'HTTP/1.1 103 X\r\nContent-Length: 1\r\n\r\n', 'GET'],
    ['a length and chunks', 'HTTP/1.1 200 X\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 'GET'],
    ['another version', 'HTTP/2.0 200 OK\r\n\r\n', 'GET'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'GET'],
    ['NUL in a header', 'HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n', 'GET'],
    ['no HTTP', 'SSH-2.0-x\r\n\r\n', 'GET'],
  ])('%s: refused', (_, text, method) => {
    expect(read(text, method).refusal).not.toBe('')
  })
})
