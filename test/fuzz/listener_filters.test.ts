/** First bytes of any kind: listener filters decide the same however they are cut, within their limits, and never throw. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sanitizedUtf8 } from '../../src/common/sanitized_utf8.ts'
import { detectHttp1, mayBeRequest } from '../../src/extensions/filters/listener/http_inspector/request_line.ts'
import { ProxyHeaderReader, parseTlvs } from '../../src/extensions/filters/listener/proxy_protocol/header.ts'
import { ja3Fingerprint, ja4Fingerprint } from '../../src/extensions/filters/listener/tls_inspector/fingerprints.ts'
import { offeredProtocols, serverNameOf } from '../../src/network/tls/client_hello.ts'
import { ClientHelloReader } from '../../src/network/tls/client_hello_reader.ts'
import { failureText } from '../../src/network/tls/failure_reason.ts'
import { clientHello, record, splitHello, u8, versionsExtension } from '../support/client_hello.ts'
import { proxyHeader } from '../support/proxy_header.ts'
import { check, propertyTimeoutMs } from './property.ts'

const bytes = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array))

const hello = fc
  .record({
    legacyVersion: fc.constantFrom(0x0300, 0x0301, 0x0303, 0x0304, 0x0305),
    serverName: fc.option(fc.string({ maxLength: 40 }), { nil: undefined }),
    protocols: fc.option(fc.array(fc.string({ maxLength: 10 }), { maxLength: 3 }), { nil: undefined }),
    ciphers: fc.array(fc.nat(0xffff), { maxLength: 8 }),
    extensions: fc.array(
      fc.tuple(
        fc.constantFrom(5, 10, 11, 13, 35, 0x0a0a, 65037, 65281),
        fc.uint8Array({ maxLength: 20 }).map((a) => Buffer.from(a)),
      ),
      { maxLength: 5 },
    ),
  })
  .chain((parts) =>
    fc.oneof(
      fc.constant(clientHello({ ...parts, extensions: [versionsExtension(0x0304), ...parts.extensions] })),
      fc.integer({ min: 1, max: 100 }).map((size) => splitHello(parts, size)),
    ),
  )

/** A well-formed start with some of its bytes changed, or any bytes at all. */
function damaged(right: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 })
  const changed = fc.tuple(right, changes, fc.nat()).map(([data, list, end]) => {
    const copy = Buffer.from(data)
    for (const [at, value] of list) if (copy.length > 0) copy[at % copy.length] = value
    return end % 4 === 0 ? copy.subarray(0, end % (copy.length + 1)) : copy
  })
  return fc.oneof(changed, bytes)
}

/** The ends of the pieces in which bytes arrive. */
function ends(length: number, at: readonly number[]): number[] {
  return [...new Set(at.map((position) => position % (length + 1)))].sort((a, b) => a - b).concat(length)
}

function readHello(data: Buffer, at: readonly number[]): unknown {
  const reader = new ClientHelloReader()
  for (const end of ends(data.length, at)) {
    const outcome = reader.read(data.subarray(0, end))
    expect(reader.consumedBytes).toBeLessThanOrEqual(end)
    if (outcome === 'more') continue
    if (outcome === 'failed') return failureText(reader.failure)
    if (outcome === 'closed') return outcome
    const found = reader.hello!
    return [serverNameOf(found), offeredProtocols(found), ja3Fingerprint(found), ja4Fingerprint(found)]
  }
  return 'more'
}

function readHeader(data: Buffer, at: readonly number[]): unknown {
  const reader = new ProxyHeaderReader()
  for (const end of ends(data.length, at)) {
    const part = data.subarray(0, end)
    const detected = reader.detect(part)
    if (detected === 'more') continue
    const outcome = detected === 'refused' ? detected : reader.parse(part)
    if (outcome === 'more') continue
    if (outcome === 'refused') return outcome
    const { lengthBytes, tlvStart, addresses } = reader.header!
    expect(tlvStart).toBeLessThanOrEqual(lengthBytes)
    parseTlvs(data.subarray(tlvStart, lengthBytes))
    return [lengthBytes, addresses?.source.text, addresses?.destination.text]
  }
  return 'more'
}

const cuts = fc.array(fc.nat(), { maxLength: 12 })

describe('a ClientHello', () => {
  test(
    'is found or refused alike however it is cut',
    () => {
      check(fc.tuple(damaged(hello), cuts), ([data, at]) => {
        expect(readHello(data, at)).toEqual(readHello(data, []))
      })
    },
    propertyTimeoutMs,
  )

  test('is looked for in a bounded number of records', () => {
    const empty = Buffer.concat(Array<Buffer>(100).fill(record(22, Buffer.alloc(0))))
    expect(readHello(empty, [])).toContain('TOO_MANY_EMPTY_FRAGMENTS')
    const warnings = Buffer.concat(Array<Buffer>(100).fill(record(21, u8(1, 90))))
    expect(readHello(warnings, [])).toContain('TOO_MANY_WARNING_ALERTS')
  })
})

describe('a PROXY header', () => {
  const address = fc.tuple(fc.ipV4(), fc.ipV4(), fc.nat(70_000), fc.nat(70_000))
  const line = address.map(([from, to, a, b]) => Buffer.from(`PROXY TCP4 ${from} ${to} ${a} ${b}\r\n`))
  const binary = fc
    .array(fc.tuple(fc.nat(255), fc.string({ maxLength: 20 })), { maxLength: 3 })
    .map((tlvs) => proxyHeader({ tlvs }))

  test(
    'is read alike however it is cut',
    () => {
      check(fc.tuple(damaged(fc.oneof(line, binary)), cuts), ([data, at]) => {
        // Bytes that can become nothing are refused as soon as there are enough: a longer piece may tell more.
        const whole = readHeader(data, [])
        const cut = readHeader(data, at)
        if (whole !== 'refused') expect(cut).toEqual(whole)
        else expect(['refused', 'more']).toContain(cut)
      })
    },
    propertyTimeoutMs,
  )

  test(
    'puts text into logs that is UTF-8, whatever was in the TLV',
    () => {
      check(bytes, (value) => {
        const text = sanitizedUtf8(value)
        expect(Buffer.byteLength(text)).toBe(value.length)
        expect(text).not.toContain('\ufffd'.repeat(1 + value.toString('latin1').split('\xef\xbf\xbd').length))
      })
    },
    propertyTimeoutMs,
  )
})

describe('a first line of HTTP', () => {
  test(
    'that is one could be one all along',
    () => {
      const word = fc.string({ maxLength: 8, unit: 'binary' })
      const text = fc.oneof(
        word,
        fc
          .tuple(fc.constantFrom('GET', 'BREW', 'x'), word, fc.constantFrom('HTTP/1.1', ''))
          .map((parts) => parts.join(' ')),
      )
      check(text, (line) => {
        if (detectHttp1(line) === undefined) return
        for (let end = 1; end < line.length; end++) expect(mayBeRequest(line.slice(0, end))).toBe(true)
      })
    },
    propertyTimeoutMs,
  )
})
