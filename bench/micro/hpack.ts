// What header compression costs: whole blocks in both directions, its parts, and what node:http2 takes for the same fields.
// Run: node bench/micro/hpack.ts

import { connect, createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { ByteWriter } from '../../src/common/byte_writer.ts'
import { flatCopy } from '../../src/common/latin1.ts'
import { HpackDecoder } from '../../src/http/codec/http2/hpack/decoder.ts'
import { HpackEncoder } from '../../src/http/codec/http2/hpack/encoder.ts'
import { codeLengths, codes } from '../../src/http/codec/http2/hpack/huffman_code.ts'
import { decodeHuffman } from '../../src/http/codec/http2/hpack/huffman_decoder.ts'
import { encodeHuffman, encodeShortText, huffmanLength } from '../../src/http/codec/http2/hpack/huffman_encoder.ts'
import { cachedLiteralString, literalString } from '../../src/http/codec/http2/hpack/literal_strings.ts'

type Fields = { readonly names: string[]; readonly values: string[] }

const strings = new Map<string, string>()

/** One string for the same text, without the text around it, as the decoder gives them. */
function shared(text: string): string {
  const known = strings.get(text) ?? flatCopy(text)
  strings.set(known, known)
  return known
}

function fields(text: string): Fields {
  const pairs = text
    .trim()
    .split('\n')
    .map((line) => /^\s*(:?[^:]+): ?(.*)$/.exec(line) ?? ['', '', ''])
  return { names: pairs.map(([, name]) => shared(name)), values: pairs.map(([, , value]) => shared(value)) }
}

/** A UUID as random as it looks, the same in each run. */
function id(i: number): string {
  const digits = [1, 2, 3, 4]
    .map((k) => (Math.imul(i * 4 + k, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0'))
    .join('')
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(12, 15)}-8${digits.slice(15, 18)}-${digits.slice(18, 30)}`
}

const messages: Record<string, (i: number) => Fields> = {
  'load generator': () =>
    fields(`
      :method: GET
      :scheme: http
      :path: /
      :authority: 127.0.0.1:10000
      user-agent: h2load nghttp2/1.59.0`),
  'one of 50 paths': (i) =>
    fields(`
      :method: GET
      :scheme: https
      :path: /api/v1/products/${i % 50}/reviews?page=2
      :authority: shop.example.com
      user-agent: Go-http-client/2.0
      accept: application/json
      accept-encoding: gzip
      x-request-id: ${id(i)}`),
  browser: (i) =>
    fields(`
      :method: GET
      :scheme: https
      :authority: shop.example.com
      :path: /assets/${id(i)}/picture.webp
      sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"
      sec-ch-ua-mobile: ?0
      sec-ch-ua-platform: "Linux"
      user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36
      accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8
      sec-fetch-site: same-origin
      sec-fetch-mode: no-cors
      sec-fetch-dest: image
      referer: https://shop.example.com/
      accept-encoding: gzip, deflate, br, zstd
      accept-language: en-GB,en;q=0.9
      cookie: session=0123456789abcdef0123456789abcdef; theme=dark
      priority: u=2, i`),
  gRPC: (i) =>
    fields(`
      :method: POST
      :scheme: http
      :path: /shop.v1.Reviews/List
      :authority: reviews:50051
      content-type: application/grpc
      te: trailers
      grpc-timeout: ${900 + (i % 97)}m
      user-agent: grpc-go/1.70.0
      traceparent: 00-${id(i).replaceAll('-', '')}-00f067aa0ba902b7-01`),
  response: (i) =>
    fields(`
      :status: 200
      content-type: application/json; charset=utf-8
      content-length: ${1000 + (i % 700)}
      date: Mon, 21 Oct 2013 20:13:21 GMT
      x-envoy-upstream-service-time: ${i % 4}
      server: envoy`),
}

/** Short enough for some of them to run undisturbed. */
const batch = 500

/** The least of many batches, in nanoseconds for each call. */
function nanoseconds(calls: number, call: (i: number) => void): number {
  let least = Infinity
  for (let first = 0; first < calls; first += batch) {
    const started = process.hrtime.bigint()
    for (let i = first; i < first + batch; i++) call(i)
    least = Math.min(least, Number(process.hrtime.bigint() - started) / batch)
  }
  return least
}

let seen = 0
const out = new ByteWriter(16 * 1024)

function encode(encoder: HpackEncoder, { names, values }: Fields): void {
  out.clear()
  encoder.beginBlock(out)
  encoder.writeFields(names, values, out)
}

function onHeader(name: string, value: string): boolean {
  seen += name.length + value.length
  return true
}

/** Decoding cannot be done again with the same block where that inserts into the table: it is the difference of two runs. */
function blocks(): void {
  const variety = 4096
  const calls = 100_000
  console.log('a block of           fields  bytes     encode     decode')
  for (const [title, message] of Object.entries(messages)) {
    const lists = Array.from({ length: variety }, (_, i) => message(i))
    const alone = new HpackEncoder()
    const encodeNs = nanoseconds(calls, (i) => encode(alone, lists[i % variety]))
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    let bytes = 0
    const bothNs = nanoseconds(calls, (i) => {
      encode(encoder, lists[i % variety])
      decoder.decode(out.bytes, onHeader, 0, out.length)
      bytes += out.length
    })
    const columns = [
      title.padEnd(20),
      String(lists[0].names.length).padStart(6),
      (bytes / calls).toFixed(0).padStart(6),
      `${encodeNs.toFixed(0)} ns`.padStart(10),
      `${(bothNs - encodeNs).toFixed(0)} ns`.padStart(10),
    ]
    console.log(columns.join(' '))
  }
}

/** The plain form of decoding: one bit after the other. */
function decodeBits(data: Buffer, bitLength: Map<number, number>, target: Buffer): number {
  let length = 0
  let code = 1
  for (const byte of data) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1)
      const symbol = bitLength.get(code)
      if (symbol === undefined) continue
      target[length++] = symbol
      code = 1
    }
  }
  return length
}

function singleStrings(): void {
  const text = '/api/v1/products/42/reviews?page=2'
  const plain = Buffer.from(text)
  const code = Buffer.alloc(huffmanLength(plain, 0, plain.length))
  encodeHuffman(plain, 0, plain.length, code, 0)
  const target = Buffer.alloc(2 * text.length)
  /** A code with a one before it, so that its length counts. */
  const symbols = new Map(Array.from(codes, (value, symbol) => [value + 2 ** codeLengths[symbol], symbol]))
  const calls = 200_000
  const row = (title: string, ns: number) => console.log(`${title.padEnd(44)} ${ns.toFixed(0).padStart(6)} ns`)
  console.log(`\na string of ${text.length} characters, ${code.length} bytes of Huffman code`)
  row(
    'its Huffman length',
    nanoseconds(calls, () => (seen += huffmanLength(plain, 0, plain.length))),
  )
  row(
    'encode the text',
    nanoseconds(calls, () => (seen += encodeShortText(text, target, 0))),
  )
  row(
    'encode its bytes',
    nanoseconds(calls, () => (seen += encodeHuffman(plain, 0, plain.length, target, 0))),
  )
  row(
    'decode by bytes, without making a string',
    nanoseconds(calls, () => (seen += decodeHuffman(code, 0, code.length, target))),
  )
  row(
    'decode by bits, without making a string',
    nanoseconds(calls / 10, () => (seen += decodeBits(code, symbols, target))),
  )
  row(
    'decode to a string',
    nanoseconds(calls, () => (seen += literalString(code, 0, code.length, true).length)),
  )
  row(
    'the same seen before',
    nanoseconds(calls, () => (seen += cachedLiteralString(code, 0, code.length, true).length)),
  )
  row(
    'a plain literal to a string',
    nanoseconds(calls, () => (seen += literalString(plain, 0, plain.length, false).length)),
  )
  row(
    'the same seen before',
    nanoseconds(calls, () => (seen += cachedLiteralString(plain, 0, plain.length, false).length)),
  )
}

/** Processor time of a request with 20 more fields, less that of one without, both ends in this process. */
async function nodeHttp2(): Promise<void> {
  const server = createServer()
  server.on('stream', (stream: ServerHttp2Stream) => stream.respond({ ':status': 200 }, { endStream: true }))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const more = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x-field-${i}`, `the value of field ${i}`]))
  const one = (headers: Record<string, string>) =>
    new Promise((resolve) => client.request(headers, { endStream: true }).on('close', resolve).resume())
  const cost = async (headers: Record<string, string>): Promise<number> => {
    const started = process.cpuUsage()
    for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 20 }, () => one(headers)))
    const { user, system } = process.cpuUsage(started)
    return ((user + system) * 1000) / 400
  }
  const few = { ':path': '/' }
  let without = Infinity
  let withMore = Infinity
  for (let round = 0; round < 30; round++) {
    without = Math.min(without, await cost(few))
    withMore = Math.min(withMore, await cost({ ...few, ...more }))
  }
  client.close()
  server.close()

  const encoder = new HpackEncoder()
  const decoder = new HpackDecoder()
  const list = { names: Object.keys(more), values: Object.values(more) }
  const ours = nanoseconds(20_000, () => {
    encode(encoder, list)
    decoder.decode(out.bytes, onHeader, 0, out.length)
  })
  console.log('\n20 more fields, the same in each request, encoded and decoded')
  console.log(`node:http2, its objects included   ${(withMore - without).toFixed(0)} ns`)
  console.log(`here                               ${ours.toFixed(0)} ns`)
}

blocks()
singleStrings()
await nodeHttp2()
if (seen === 0) throw new Error('nothing was decoded')
