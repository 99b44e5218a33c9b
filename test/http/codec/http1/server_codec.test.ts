/** The server side of the HTTP/1 codec on plain bytes. */
import { describe, expect, test } from 'vitest'
import { readRequests } from './codec_events.ts'

function read(text: string, settings?: Parameters<typeof readRequests>[1]) {
  return readRequests([Buffer.from(text, 'latin1')], settings)
}

function inBytes(text: string) {
  return readRequests([...text].map((character) => Buffer.from(character, 'latin1')))
}

describe('heads', () => {
  test('names in lower case, values without the space around them, order and repeats kept', () => {
    const { messages } = read('GET /a?b HTTP/1.1\r\nHost: h\r\nX-B:  1 \t\r\nx-a:2\r\nX-b: 3\r\n\r\n')
    expect(messages[0]).toEqual({
      head: ['GET  h /a?b 0', 'host: h', 'x-b: 1', 'x-a: 2', 'x-b: 3'],
      body: '',
      trailers: [],
      complete: true,
    })
  })

  test('an absolute target gives scheme and authority, whatever Host says', () => {
    expect(read('GET http://b:81/x HTTP/1.1\r\nHost: a\r\n\r\n').messages[0].head[0]).toBe('GET http b:81 /x 0')
  })

  test('empty lines before a request are skipped, also byte by byte', () => {
    expect(inBytes('\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n').messages).toHaveLength(1)
  })

  test.each([
    ['a line end without CR', 'GET / HTTP/1.1\nHost: a\n\n', '400 http1.codec_error'],
    ['a folded line', 'GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n', '400 http1.codec_error'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', '400 http1.codec_error'],
    ['NUL in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n', '400 http1.invalid_characters'],
    ['two spaces', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', '400 http1.codec_error'],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', '400 http1.codec_error'],
    ['TLS', '\x16\x03\x01\x02', '400'],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', '426 low_version'],
  ])('%s is refused', (_, text, refusal) => {
    expect(read(text).refusal).toContain(refusal)
    expect(inBytes(text).refusal).not.toBe('')
  })

  test('the limits hold at the byte and at the field', () => {
    const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
    expect(read(request, { maxHeadersBytes: request.length - 2 }).refusal).toBe('')
    expect(read(request, { maxHeadersBytes: request.length - 3 }).refusal).toBe('431 http1.headers_too_large')
    expect(read('GET / HTTP/1.1\r\nHost: a\r\nb: c\r\n\r\n', { maxHeadersCount: 2 }).refusal).toBe('')
    expect(read('GET / HTTP/1.1\r\nHost: a\r\nb: c\r\n\r\n', { maxHeadersCount: 1 }).refusal).toBe(
      '431 http1.too_many_headers',
    )
  })

  test('a head that never ends is refused at the limit, not kept', () => {
    const pieces = Array.from({ length: 100 }, () => Buffer.from('x'.repeat(50)))
    expect(readRequests([Buffer.from('GET /'), ...pieces], { maxHeadersBytes: 1024 }).refusal).toBe(
      '431 http1.headers_too_large',
    )
  })
})

describe('bodies', () => {
  const post = 'POST / HTTP/1.1\r\nHost: a\r\n'

  test('of a length, and the next request behind', () => {
    const { messages } = read(`${post}Content-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: b\r\n\r\n`)
    expect(messages.map(({ head, body }) => [head[0], body])).toEqual([
      ['POST  a / 0', 'abc'],
      ['GET  b /2 0', ''],
    ])
  })

  test('in chunks with extension and trailers', () => {
    const text = `${post}Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n`
    for (const { messages } of [read(text), inBytes(text)]) {
      expect(messages).toEqual([
        expect.objectContaining({ body: 'abc0123456789', trailers: ['x-t: 1'], complete: true }),
      ])
    }
    expect(read(text, { enableTrailers: false }).messages[0]).toMatchObject({ trailers: [], complete: true })
  })

  test.each([
    [
      'a length and chunks',
      'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n',
      '400 http1.content_length_and_chunked',
    ],
    ['two lengths', 'Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc', '400 http1.codec_error'],
    ['a list of lengths', 'Content-Length: 3, 3\r\n\r\nabc', '400'],
    ['a signed length', 'Content-Length: +3\r\n\r\nabc', '400'],
    ['another coding', 'Transfer-Encoding: gzip, chunked\r\n\r\n', '501 http1.invalid_transfer_encoding'],
    ['a chunk size of letters', 'Transfer-Encoding: chunked\r\n\r\nxyz\r\n', '400'],
    ['an endless chunk extension', `Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(1000)}`, '400'],
    ['a chunk longer than its size', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n', '400'],
    ['a bare CR in a chunk size', 'Transfer-Encoding: chunked\r\n\r\n3\r', ''],
    ['junk behind that CR', 'Transfer-Encoding: chunked\r\n\r\n3\rx', '400'],
    ['endless trailers', `Transfer-Encoding: chunked\r\n\r\n0\r\n${'a: b\r\n'.repeat(20_000)}`, '431'],
  ])('%s', (_, rest, refusal) => {
    expect(read(post + rest).refusal.startsWith(refusal)).toBe(true)
    if (refusal !== '') expect(inBytes(post + rest).refusal).not.toBe('')
  })

  test('a body on CONNECT or an upgrade is refused', () => {
    expect(read('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 3\r\n\r\nabc').refusal).toBe(
      '400 http1.body_disallowed',
    )
    const upgrade = 'Connection: upgrade\r\nUpgrade: foo\r\nContent-Length: 3\r\n\r\nabc'
    expect(read(post + upgrade).refusal).toBe('400 http1.body_disallowed')
  })
})
