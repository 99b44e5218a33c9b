/** Responses of any bytes: read the same however they are cut, never with two meanings, never with a crash. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readResponse } from '../http/codec/http1/codec_events.ts'
import { cut, cuts, responseBytes } from './message_arbitraries.ts'
import { check, propertyTimeoutMs } from './property.ts'

const method = fc.constantFrom('GET', 'GET', 'HEAD', 'CONNECT')

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** What reaches the downstream side in the end: whole responses, or a reset. */
function decided(outcome: ReturnType<typeof readResponse>): unknown {
  const { messages, interim, refusal, endedWell } = outcome
  const whole = refusal === '' && endedWell
  return { interim: whole ? interim : undefined, whole, messages: whole ? messages : messages.map(({ head }) => head) }
}

describe('the client codec', () => {
  test(
    'reads the same however the bytes are cut',
    () => {
      check(fc.tuple(responseBytes, cuts, method), ([text, at, asked]) => {
        const bytes = latin1(text)
        expect(decided(readResponse(cut(bytes, at), asked))).toEqual(decided(readResponse([bytes], asked)))
      })
    },
    propertyTimeoutMs,
  )

  test(
    'throws nothing but its own error and gives one response at most, whatever the bytes',
    () => {
      const bytes = fc.oneof(
        responseBytes.map(latin1),
        fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
      )
      check(fc.tuple(bytes, cuts, method, fc.boolean()), ([data, at, asked, allowChunkedLength]) => {
        const { messages } = readResponse(cut(data, at), asked, { allowChunkedLength })
        expect(messages.length).toBeLessThanOrEqual(1)
      })
    },
    propertyTimeoutMs,
  )

  test(
    'lets one framing through, a body of that length, and no character that could end a line',
    () => {
      check(fc.tuple(responseBytes, method), ([text, asked]) => {
        for (const { head, body, trailers, complete } of readResponse([latin1(text)], asked).messages) {
          const lengths = head.filter((line) => line.startsWith('content-length:'))
          const codings = head.filter((line) => line.startsWith('transfer-encoding:'))
          expect(lengths.length).toBeLessThanOrEqual(1)
          const bodiless = asked !== 'GET' || / (1\d\d|204|304)$/.test(head[0])
          if (!bodiless) expect(lengths.length + codings.length).toBeLessThanOrEqual(1)
          if (!bodiless && lengths.length === 1 && complete) expect(body).toHaveLength(Number(lengths[0].slice(15)))
          for (const line of [...head, ...trailers]) expect(line).not.toMatch(/[\0\r\n\x7f]/)
        }
      })
    },
    propertyTimeoutMs,
  )
})
