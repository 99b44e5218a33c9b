/** What the transcoder makes of gRPC responses: JSON, streams, errors, HttpBody, and what is not gRPC. */
import { Buffer } from 'node:buffer'
import { messageTypes } from '../../support/descriptor_set.ts'
import type { ParityCase } from '../case.ts'
import { get, head, post, request } from '../requests.ts'
import { answer, chunks, frame, grpcAnswer, trailersOnly } from './grpc_messages.ts'
import { filesProto, httpBodyProto, libraryProto } from './transcoder_protos.ts'
import { transcoderSuite } from './transcoder_yaml.ts'

const type = messageTypes(httpBodyProto, libraryProto, filesProto)

/** A message in its wire format. */
function encode(name: string, fields: object): string {
  const message = type(name)
  return Buffer.from(message.encode(message.fromObject(fields)).finish()).toString('latin1')
}

const BOOK = encode('library.Book', { id: 5, title: 'T', genre: 1, authors: ['a', 'b'] })
const PAGES = [encode('library.Page', { text: 'one' }), encode('library.Page', { number: 2 })]
const FULL = encode('library.Book', {
  id: '-9007199254740993',
  title: 'T<"\u2028>',
  writer: { name: 'W', home: { lines: ['x', 'y'] } },
  in_print: true,
  price: 1.5,
  cover: Buffer.from([1, 2, 3, 255]),
  copies: { b: 2, a: 1 },
  published: { seconds: 1, nanos: 120000000 },
  lending_time: { seconds: -3, nanos: -5 },
  pages: { value: 0 },
  extra: { fields: { k: { listValue: { values: [{ numberValue: 1 }, { nullValue: 0 }] } } } },
  genre: 9,
  genres: [0, 1, 2],
  box: 0,
  edition: 0,
  weight: 0.1,
  ratings: [3, -1],
  helpers: [{}, { age: 3 }],
  custom_name: 'c',
  raw: { value: Buffer.from('x') },
  nothing: {},
})
const details = (name: string, fields: object, kind: string) =>
  Buffer.from(
    '\b\u0005\u0012\u0003oops'.replace('\u0003', '\u0004') +
      ((value) => `\u001a${String.fromCharCode(value.length)}${value}`)(
        encode('google.protobuf.Any', {
          type_url: `type.googleapis.com/${kind}`,
          value: Buffer.from(encode(name, fields), 'latin1'),
        }),
      ),
    'latin1',
  ).toString('base64')

const GET = get('/v1/books/5')
const PAGES_GET = get('/v1/books/5/pages')

/** The same answer on a listener for each set of options. */
function everywhere(name: string, step: string, reply: string): ParityCase[] {
  return listenerNames.map((listener) => ({ name: `${listener}: ${name}`, listener, steps: [step], reply }))
}

const listeners = {
  main: {},
  convert: { options: 'convert_grpc_status: true' },
  pretty: { options: 'convert_grpc_status: true, print_options: { add_whitespace: true }' },
  full: {
    options:
      'print_options: { always_print_primitive_fields: true, always_print_enums_as_ints: true, preserve_proto_field_names: true }',
  },
  lines: { options: 'print_options: { stream_newline_delimited: true }' },
  events: { options: 'print_options: { stream_sse_style_delimited: true }' },
  events_pretty: {
    options:
      'print_options: { stream_sse_style_delimited: true, add_whitespace: true, stream_newline_delimited: true }',
  },
  limited: { options: 'max_request_body_size: 20, max_response_body_size: 20' },
}
const listenerNames = ['main', 'convert', 'pretty', 'full', 'lines', 'events', 'events_pretty']

const upload = 'POST /files/f1?mode=3 HTTP/1.1\r\nhost: a.test\r\ncontent-type: image/png\r\n'

const cases: readonly ParityCase[] = [
  ...everywhere('a message', GET, grpcAnswer([BOOK])),
  ...everywhere('a full message', GET, grpcAnswer([FULL])),
  ...everywhere('an empty message', GET, grpcAnswer([''])),
  ...everywhere('an error', GET, grpcAnswer([], 5, 'grpc-message: not%20here %C3%A9')),
  ...everywhere('an error in the head', GET, trailersOnly('grpc-status: 7', 'grpc-message: no%21')),
  ...everywhere('success in the head', GET, trailersOnly('grpc-status: 0')),
  ...everywhere('an error behind a message', GET, grpcAnswer([BOOK], 13, 'grpc-message: late')),
  ...everywhere('a stream', PAGES_GET, grpcAnswer(PAGES)),
  ...everywhere('an empty stream', PAGES_GET, grpcAnswer([])),
  ...everywhere('a failed stream', PAGES_GET, grpcAnswer(PAGES, 8, 'grpc-message: full')),
  ...everywhere('a stream that fails at once', PAGES_GET, grpcAnswer([], 8, 'grpc-message: full')),
  ...everywhere('a stream that fails in the head', PAGES_GET, trailersOnly('grpc-status: 8', 'grpc-message: full')),
  ...everywhere(
    'details',
    GET,
    grpcAnswer([], 5, `grpc-status-details-bin: ${details('library.Author', { name: 'A' }, 'library.Author')}`),
  ),
  ...everywhere(
    'details in the head',
    GET,
    trailersOnly(
      'grpc-status: 5',
      `grpc-status-details-bin: ${details('library.Author', { name: 'A' }, 'library.Author')}`,
    ),
  ),
  ...everywhere(
    'details of an unknown type',
    GET,
    grpcAnswer([], 5, `grpc-status-details-bin: ${details('library.Author', { name: 'A' }, 'no.Such')}`),
  ),
  ...everywhere(
    'details that are no base64',
    GET,
    grpcAnswer([], 5, 'grpc-message: m', 'grpc-status-details-bin: ***'),
  ),
  ...everywhere(
    'details that are no status',
    GET,
    grpcAnswer([], 5, 'grpc-message: m', 'grpc-status-details-bin: //8='),
  ),
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 999].map((code) => ({
    name: `status: ${code}`,
    listener: 'convert',
    steps: [GET],
    reply: grpcAnswer([], code),
  })),
  { name: 'status: none', steps: [GET], reply: answer([frame(BOOK)], { trailers: ['x-t: 1'] }) },
  { name: 'status: empty', steps: [GET], reply: answer([frame(BOOK)], { trailers: ['grpc-status: '] }) },
  { name: 'status: no number', steps: [GET], reply: answer([frame(BOOK)], { trailers: ['grpc-status: x'] }) },
  { name: 'status: negative', steps: [GET], reply: answer([frame(BOOK)], { trailers: ['grpc-status: -1'] }) },
  {
    name: 'status: no number, converted',
    listener: 'convert',
    steps: [GET],
    reply: answer([], { trailers: ['grpc-status: x'] }),
  },
  { name: 'no trailers', steps: [GET], reply: answer([frame(BOOK)]) },
  {
    name: 'no trailers, content-length',
    steps: [GET],
    reply: `HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ncontent-length: ${frame(BOOK).length}\r\n\r\n${frame(BOOK)}`,
  },
  { name: 'no message', steps: [GET], reply: grpcAnswer([]) },
  { name: 'two messages', steps: [GET], reply: grpcAnswer([BOOK, BOOK]) },
  {
    name: 'a message in pieces',
    steps: [GET],
    reply: answer([frame(BOOK).slice(0, 3), frame(BOOK).slice(3, 8), frame(BOOK).slice(8)], {
      trailers: ['grpc-status: 0'],
    }),
  },
  {
    name: 'a message cut off',
    steps: [GET],
    reply: answer([frame(BOOK).slice(0, -2)], { trailers: ['grpc-status: 0'] }),
  },
  { name: 'a frame header cut off', steps: [GET], reply: answer(['\x00\x00'], { trailers: ['grpc-status: 0'] }) },
  { name: 'a compressed message', steps: [GET], reply: answer([frame(BOOK, 1)], { trailers: ['grpc-status: 0'] }) },
  {
    name: 'a compressed message in a stream',
    steps: [PAGES_GET],
    reply: answer([frame(PAGES[0]), frame(PAGES[1], 1)], { trailers: ['grpc-status: 0'] }),
  },
  // A message cut off within a stream crashes Envoy.
  {
    name: 'a stream in the course of time',
    steps: [PAGES_GET],
    reply: [
      'HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n',
      { pauseMs: 50 },
      chunks(frame(PAGES[0])),
      { pauseMs: 50 },
      `${chunks(frame(PAGES[1]))}0\r\ngrpc-status: 0\r\n\r\n`,
    ],
  },
  { name: 'malformed: a wrong wire type', steps: [GET], reply: grpcAnswer(['\x10\x01']) },
  {
    name: 'malformed: a 64-bit value for a varint',
    steps: [GET],
    reply: grpcAnswer(['\x09\x01\x01\x01\x01\x01\x01\x01\x01']),
  },
  { name: 'malformed: a 32-bit value for a varint', steps: [GET], reply: grpcAnswer(['\x0d\x01\x01\x01\x01']) },
  { name: 'malformed: an unknown wire type', steps: [GET], reply: grpcAnswer(['\x0f']) },
  { name: 'malformed: a varint cut off', steps: [GET], reply: grpcAnswer(['\x08\x80']) },
  { name: 'malformed: a string cut off', steps: [GET], reply: grpcAnswer(['\x12\x05a']) },
  { name: 'malformed: a string that is no utf-8', steps: [GET], reply: grpcAnswer(['\x12\x01\xff']) },
  { name: 'malformed: a field twice', steps: [GET], reply: grpcAnswer(['\x08\x01\x08\x02']) },
  { name: 'malformed: the end of a group', steps: [GET], reply: grpcAnswer(['\x0c']) },
  { name: 'malformed: a group', steps: [GET], reply: grpcAnswer(['\x0b\x0c']) },
  { name: 'malformed: a bool of 2', steps: [GET], reply: grpcAnswer(['\x30\x02']) },
  { name: 'malformed: the unknown fields', steps: [GET], reply: grpcAnswer(['\xc0\x3e\x01\xca\x3e\x01a']) },
  { name: 'malformed: packed and unpacked', steps: [GET], reply: grpcAnswer(['\xca\x01\x02\x01\x02\xc8\x01\x03']) },
  {
    name: 'malformed: a timestamp out of range',
    steps: [GET],
    reply: grpcAnswer([encode('library.Book', { published: { seconds: 253402300800 } })]),
  },
  {
    name: 'malformed: nanoseconds out of range',
    steps: [GET],
    reply: grpcAnswer([encode('library.Book', { published: { nanos: -1 } })]),
  },
  {
    name: 'malformed: a duration out of range',
    steps: [GET],
    reply: grpcAnswer([encode('library.Book', { lending_time: { seconds: 315576000001 } })]),
  },
  {
    name: 'malformed: a duration of two signs',
    steps: [GET],
    reply: grpcAnswer([encode('library.Book', { lending_time: { seconds: 1, nanos: -1 } })]),
  },
  {
    name: 'malformed: a value that is not a number',
    steps: [GET],
    reply: grpcAnswer([encode('library.Book', { note: { numberValue: Number.NaN } })]),
  },
  {
    name: 'malformed: any of an unknown type',
    steps: [GET],
    reply: grpcAnswer([encode('library.Book', { attachment: { type_url: 'type.googleapis.com/no.Such' } })]),
  },
  {
    name: 'malformed: any of a strange URL',
    steps: [GET],
    reply: grpcAnswer([encode('library.Book', { attachment: { type_url: 'no.Such' } })]),
  },
  {
    name: 'malformed: any without a URL',
    steps: [GET],
    reply: grpcAnswer([encode('library.Book', { attachment: { value: Buffer.from('a') } })]),
  },
  { name: 'malformed: in a stream', steps: [PAGES_GET], reply: grpcAnswer([PAGES[0], '\x08\x01']) },
  { name: 'not gRPC', steps: [GET], reply: answer(['plain'], { contentType: 'text/plain' }) },
  {
    name: 'not gRPC, by its status',
    steps: [GET],
    reply: answer([frame(BOOK)], { status: 503, trailers: ['grpc-status: 0'] }),
  },
  { name: 'not gRPC, without a body', steps: [GET], reply: 'HTTP/1.1 204 No Content\r\n\r\n' },
  {
    name: 'gRPC with a suffix',
    steps: [GET],
    reply: answer([frame(BOOK)], { contentType: 'application/grpc+proto', trailers: ['grpc-status: 0'] }),
  },
  {
    name: 'a trailer field',
    steps: [GET],
    reply: answer([frame(BOOK)], { headers: ['trailer: grpc-status'], trailers: ['grpc-status: 0', 'x-t: 1'] }),
  },
  { name: 'the upstream resets', steps: [GET], reply: [{ reset: true }] },
  {
    name: 'the upstream resets within a response that waits',
    steps: [GET],
    reply: [
      'HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n',
      chunks(frame(BOOK)),
      { pauseMs: 30 },
      { reset: true },
    ],
  },
  {
    name: 'the upstream closes within a response that waits',
    steps: [GET],
    reply: [
      'HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n',
      chunks(frame(BOOK)),
      { pauseMs: 30 },
      { finish: true },
    ],
  },
  {
    name: 'the upstream breaks the framing within a response that waits',
    steps: [GET],
    reply: [
      'HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n',
      chunks(frame(BOOK)),
      { pauseMs: 30 },
      'zz\r\n',
    ],
  },
  {
    name: 'the upstream resets within the stream',
    steps: [PAGES_GET],
    reply: [
      'HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n',
      chunks(frame(PAGES[0])),
      { pauseMs: 30 },
      { reset: true },
    ],
  },
  { name: 'transcoder: head', steps: [head('/v1/check/5')], reply: grpcAnswer([BOOK]) },
  { name: 'limit: a response', listener: 'limited', steps: [GET], reply: grpcAnswer([FULL]) },
  { name: 'limit: a short response', listener: 'limited', steps: [GET], reply: grpcAnswer(['\x08\x01']) },
  {
    name: 'limit: short messages of a stream',
    listener: 'limited',
    steps: [PAGES_GET],
    reply: [
      'HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n',
      ...PAGES.flatMap((page) => [chunks(frame(page)), { pauseMs: 40 }]),
      '0\r\ngrpc-status: 0\r\n\r\n',
    ],
  },
  {
    name: 'limit: a request',
    listener: 'limited',
    steps: [post('/v1/echo', `{"title":"${'x'.repeat(40)}"}`)],
    reply: grpcAnswer(['']),
  },
  {
    name: 'limit: a request in chunks',
    listener: 'limited',
    steps: [
      'POST /v1/echo HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\nf\r\n{"title":"aaaaa\r\n',
      { quietMs: 50 },
      'f\r\nbbbbbbbbbbbbb"}\r\n0\r\n\r\n',
    ],
    reply: grpcAnswer(['']),
  },
  {
    name: 'limit: a request of an HttpBody',
    listener: 'limited',
    steps: [post('/files/raw', 'x'.repeat(40))],
    reply: grpcAnswer(['']),
  },
  {
    name: 'body: a request',
    steps: [`${upload}content-length: 3\r\n\r\nabc`],
    reply: grpcAnswer([encode('files.GetRequest', { name: 'n' })]),
  },
  { name: 'body: a request without a body', steps: [request('POST', '/files/f1', [])], reply: grpcAnswer(['']) },
  {
    name: 'body: a request in chunks',
    steps: [`${upload}transfer-encoding: chunked\r\n\r\n2\r\nab\r\n`, { quietMs: 50 }, '1\r\nc\r\n0\r\n\r\n'],
    reply: grpcAnswer(['']),
  },
  {
    name: 'body: a request with trailers',
    steps: [`${upload}transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-t: 1\r\n\r\n`],
    reply: grpcAnswer(['']),
  },
  {
    name: 'body: a whole request',
    steps: [post('/files/raw', '\x00\xffraw', 'content-type: application/octet-stream')],
    reply: grpcAnswer([encode('google.api.HttpBody', { content_type: 'text/css', data: Buffer.from('a{}') })]),
  },
  { name: 'body: a wrong binding', steps: [post('/files/f1?mode=x', 'abc')], reply: grpcAnswer(['']) },
  { name: 'body: a binding within it', steps: [post('/files/f1?file.data=x', 'abc')], reply: grpcAnswer(['']) },
  { name: 'body: a stream request', steps: [post('/stream/f1', 'abc')], reply: grpcAnswer(['']) },
  {
    name: 'body: a stream request without a body',
    steps: [request('POST', '/stream/f1', [])],
    reply: grpcAnswer(['']),
  },
  {
    name: 'body: a stream request in chunks',
    steps: [
      'POST /stream/f1 HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n',
      { quietMs: 50 },
      '1\r\nc\r\n',
      { quietMs: 50 },
      '0\r\n\r\n',
    ],
    reply: grpcAnswer(['']),
  },
  {
    name: 'body: a response',
    steps: [get('/files/f1')],
    reply: grpcAnswer([encode('google.api.HttpBody', { content_type: 'image/png', data: Buffer.from([0, 255, 10]) })]),
  },
  { name: 'body: an empty response', steps: [get('/files/f1')], reply: grpcAnswer(['']) },
  {
    name: 'body: a response without a type',
    steps: [get('/files/f1')],
    reply: grpcAnswer([encode('google.api.HttpBody', { data: Buffer.from('x') })]),
  },
  {
    name: 'body: a response of two',
    steps: [get('/files/f1')],
    reply: grpcAnswer([
      encode('google.api.HttpBody', { data: Buffer.from('x') }),
      encode('google.api.HttpBody', { data: Buffer.from('y') }),
    ]),
  },
  { name: 'body: a failed response', steps: [get('/files/f1')], reply: grpcAnswer([], 5, 'grpc-message: m') },
  {
    name: 'body: a failed response, converted',
    listener: 'convert',
    steps: [get('/files/f1')],
    reply: grpcAnswer([], 5, 'grpc-message: m'),
  },
  { name: 'body: a response in the head', steps: [get('/files/f1')], reply: trailersOnly('grpc-status: 5') },
  { name: 'body: a malformed response', steps: [get('/files/f1')], reply: grpcAnswer(['\x0a\x05a']) },
  {
    name: 'body: a part of the response',
    steps: [get('/part/f1')],
    reply: grpcAnswer([
      encode('files.Download', { note: 'n', file: { content_type: 'text/x', data: Buffer.from('part') } }),
    ]),
  },
  {
    name: 'body: a part that is not there',
    steps: [get('/part/f1')],
    reply: grpcAnswer([encode('files.Download', { note: 'n' })]),
  },
  {
    name: 'body: a stream',
    steps: [get('/watch/f1')],
    reply: grpcAnswer([
      encode('google.api.HttpBody', { content_type: 'text/a', data: Buffer.from('one') }),
      encode('google.api.HttpBody', { content_type: 'text/b', data: Buffer.from('two') }),
    ]),
  },
  { name: 'body: an empty stream', steps: [get('/watch/f1')], reply: grpcAnswer([]) },
  { name: 'body: a failed stream', steps: [get('/watch/f1')], reply: grpcAnswer([], 7) },
]

export const transcoderResponsesSuite = transcoderSuite('gRPC-JSON transcoder, responses', listeners, cases)
