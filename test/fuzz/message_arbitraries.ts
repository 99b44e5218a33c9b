/** HTTP/1 messages, right ones and ones that edits have made odd, as strings of one character a byte. */
import fc from 'fast-check'

/** What tells two parsers apart, if anything does. */
const oddities = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  ';a=b',
  '0',
  '-1',
  '+5',
  '0x5',
  '5 ',
  '00000000000000000005',
  '\x80',
  '\xff',
  '\x0b',
  '\x7f',
  '%',
  '%2e',
  '#',
  'http://b/',
  '*',
  'HTTP/1.0',
  'HTTP/1.1',
  'HTTP/2.0',
  'HTTP/0.9',
  'GET / HTTP/1.1\r\nHost: b\r\n\r\n',
  'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  '0\r\n\r\n',
  '5\r\nhello\r\n',
  'Host: b\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Content-Length : 5\r\n',
  'Content-Length: 5, 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Transfer-Encoding:\tchunked\r\n',
  'Transfer-Encoding: gzip, chunked\r\n',
  'transfer-encoding: xchunked\r\n',
  'Connection: close\r\n',
  'Connection: content-length\r\n',
  'Connection: upgrade\r\nUpgrade: websocket\r\n',
  'Expect: 100-continue\r\n',
  ' folded\r\n',
  'X-A_b: c\r\n',
]

const token = fc.constantFrom('a', 'x-b', 'Accept', 'X_under', 'cookie', 'x-envoy-foo', '!#$', 'te', 'via')
const value = fc.oneof(
  fc.constantFrom('', 'a', 'a b', 'a, b', 'chunked', 'close', '\xe9', '  padded\t'),
  fc.string({ unit: fc.constantFrom(...'abc ,;="\t\xe9'), maxLength: 12 }),
)
const field = fc.tuple(token, value).map(([name, text]) => `${name}: ${text}\r\n`)
const payload = fc.string({ unit: fc.constantFrom(...'ab\r\n0 :'), maxLength: 40 })

const chunks = fc
  .tuple(
    fc.array(
      payload.filter((data) => data !== ''),
      { maxLength: 4 },
    ),
    fc.constantFrom('', 'x-t: 1\r\n', 'X-T: a\r\nx-u: b\r\n'),
  )
  .map(([parts, trailers]) => {
    const body = parts.map((data) => `${data.length.toString(16)}\r\n${data}\r\n`).join('')
    return `Transfer-Encoding: chunked\r\n\r\n${body}0\r\n${trailers}\r\n`
  })
const sized = payload.map((data) => `Content-Length: ${data.length}\r\n\r\n${data}`)
const bodiless = fc.constant('\r\n')
const framedBody = fc.oneof(chunks, sized, bodiless)

const requestLine = fc
  .tuple(
    fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'CONNECT'),
    fc.constantFrom('/', '/a?b=c', '/a/../b', '/%2e', '*', 'http://a.test/x', 'a:80', '/\xe9', '/a#b'),
    fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'),
  )
  .map((parts) => `${parts.join(' ')}\r\n`)

const statusLine = fc.constantFrom(
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 204 No Content\r\n',
  'HTTP/1.1 304 Not Modified\r\n',
  'HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 200 \r\n',
  'HTTP/1.0 500 Oh dear\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n',
)

interface Edit {
  readonly at: number
  readonly remove: number
  readonly insert: string
}

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(400),
  remove: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 12 }) }),
  insert: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...oddities) },
    { weight: 1, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.nat(255).map((code) => String.fromCharCode(code)) },
  ),
})

function edited(text: string, edits: readonly Edit[]): string {
  let result = text
  for (const { at, remove, insert } of edits) {
    const position = at % (result.length + 1)
    result = result.slice(0, position) + insert + result.slice(position + remove)
  }
  return result
}

function messages(startLine: fc.Arbitrary<string>, most: number): fc.Arbitrary<string> {
  const one = fc
    .tuple(startLine, fc.boolean(), fc.array(field, { maxLength: 3 }), framedBody)
    .map(([start, host, fields, body]) => `${start}${host ? 'Host: a.test\r\n' : ''}${fields.join('')}${body}`)
  const edits = fc.oneof(
    { weight: 1, arbitrary: fc.constant([]) },
    { weight: 4, arbitrary: fc.array(edit, { minLength: 1, maxLength: 3 }) },
  )
  return fc
    .tuple(fc.array(one, { minLength: 1, maxLength: most }), edits)
    .map(([texts, each]) => edited(texts.join(''), each))
}

/** One to three requests on one connection. */
export const requestBytes = messages(requestLine, 3)
/** A response and what may follow it. */
export const responseBytes = messages(statusLine, 2)

/** Where a stream of bytes is cut, as positions modulo its length. */
export const cuts = fc.oneof(
  fc.array(fc.nat(500), { maxLength: 6 }),
  // Every byte by itself.
  fc.constant('bytes' as const),
)

export function cut(bytes: Buffer, at: readonly number[] | 'bytes'): Buffer[] {
  if (at === 'bytes') return Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))
  const positions = [...new Set(at.map((position) => position % (bytes.length + 1)))].sort((a, b) => a - b)
  const pieces: Buffer[] = []
  let start = 0
  for (const position of [...positions, bytes.length]) {
    if (position > start) pieces.push(bytes.subarray(start, position))
    start = position
  }
  return pieces
}
