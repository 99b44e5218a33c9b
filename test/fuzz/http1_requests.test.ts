/** Requests of any bytes: read the same however they are cut, never with two meanings, never with a crash. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CodecOutcome, readRequests } from '../http/codec/http1/codec_events.ts'
import { cut, cuts, requestBytes } from './message_arbitraries.ts'
import { check, propertyTimeoutMs } from './property.ts'

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/**
 * What is decided of the messages. A body is delivered as far as it came before an error, which depends on the cuts, and
 * the first fault of several is the reason.
 */
function decided(outcome: CodecOutcome): unknown {
  const { messages, refusal } = outcome
  return {
    refused: refusal !== '',
    messages: messages.map((message) => (message.complete ? message : { head: message.head })),
    unfinished: refusal === '' ? messages.at(-1) : undefined,
  }
}

describe('the server codec', () => {
  test(
    'reads the same however the bytes are cut',
    () => {
      check(fc.tuple(requestBytes, cuts), ([text, at]) => {
        const bytes = latin1(text)
        expect(decided(readRequests(cut(bytes, at)))).toEqual(decided(readRequests([bytes])))
      })
    },
    propertyTimeoutMs,
  )

  test(
    'throws nothing but its own error, whatever the bytes and options',
    () => {
      const options = fc.record({
        allowAbsoluteUrl: fc.boolean(),
        acceptHttp10: fc.boolean(),
        enableTrailers: fc.boolean(),
        allowChunkedLength: fc.boolean(),
        allowCustomMethods: fc.boolean(),
        headerKeyFormat: fc.constantFrom('lowerCase' as const, 'properCase' as const, 'preserveCase' as const),
        headersWithUnderscores: fc.constantFrom('ALLOW' as const, 'REJECT_REQUEST' as const, 'DROP_HEADER' as const),
        maxHeadersBytes: fc.constantFrom(64, 1024, 60 * 1024),
        maxHeadersCount: fc.constantFrom(1, 100),
      })
      const bytes = fc.oneof(
        requestBytes.map(latin1),
        fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
      )
      check(fc.tuple(bytes, cuts, options), ([data, at, settings]) => {
        const { messages } = readRequests(cut(data, at), settings)
        for (const { head } of messages) expect(head.length - 1).toBeLessThanOrEqual(settings.maxHeadersCount)
      })
    },
    propertyTimeoutMs,
  )

  test(
    'lets one framing through, and a body of that length',
    () => {
      check(requestBytes, (text) => {
        for (const { head, body, complete } of readRequests([latin1(text)]).messages) {
          const lengths = head.filter((line) => line.startsWith('content-length:'))
          const codings = head.filter((line) => line.startsWith('transfer-encoding:'))
          expect(lengths.length + codings.length).toBeLessThanOrEqual(1)
          if (codings.length === 1) expect(codings[0].toLowerCase()).toBe('transfer-encoding: chunked')
          if (lengths.length === 1 && complete) expect(body).toHaveLength(Number(lengths[0].slice(15)))
          if (lengths.length + codings.length === 0 && complete) expect(body).toBe('')
        }
      })
    },
    propertyTimeoutMs,
  )

  test(
    'lets no character through that could end a line or a name',
    () => {
      check(requestBytes, (text) => {
        for (const { head, trailers } of readRequests([latin1(text)]).messages) {
          for (const line of [...head, ...trailers]) expect(line).not.toMatch(/[\0\r\n\x7f]/)
          for (const line of [...head.slice(1), ...trailers])
            expect(line).toMatch(/^[!#$%&'*+.^_`|~0-9a-z-]+: (?! )[^\0]*$/)
        }
      })
    },
    propertyTimeoutMs,
  )
})
