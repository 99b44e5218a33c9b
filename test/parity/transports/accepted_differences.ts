/** Differences from Envoy that suites show over other transports than their own. */
import type { AcceptedDifference } from '../accepted_differences.ts'
import { type Side, type Transport, transports } from './transports.ts'

type IsMeant = (side: Side) => boolean

const named = (meant: readonly Transport[], names: readonly string[]): string[] =>
  meant.flatMap((one) => names.map((name) => `${one.name}: ${name}`))

/** The cases over all transports whose clients are such. */
const over = (isMeant: IsMeant, ...names: readonly string[]): string[] =>
  named(
    transports.filter(({ downstream }) => isMeant(downstream)),
    names,
  )

/** The cases over all transports whose backends are such. */
const to = (isMeant: IsMeant, ...names: readonly string[]): string[] =>
  named(
    transports.filter(({ upstream }) => isMeant(upstream)),
    names,
  )

const http2: IsMeant = (side) => side.http2
const tls: IsMeant = (side) => side.tls

export const transportDifferences: readonly AcceptedDifference[] = [
  {
    kind: 'chance',
    cases: over(
      http2,
      'plain: ten in a pipeline',
      'plain: pipelined GETs',
      'plain: chunked POST then GET',
      'grpc web: two calls on one connection',
      ...['stream_error', 'override_error', 'override_strict'].map((listener) => `${listener}: direct 400`),
    ),
    fields: ['accessLog', 'upstream', 'stats'],
    reason: 'Streams run side by side, and end in no order.',
  },
  {
    kind: 'meant',
    cases: over(http2, 'grpc web: no trailers, text', 'tunnels: websocket answered 426'),
    fields: ['received', 'accessLog', 'stats'],
    reason: 'Envoy leaves the stream open when the answer is over.',
  },
  {
    kind: 'meant',
    cases: over(http2, 'plain: Expect, direct response'),
    fields: ['received'],
    reason: 'A client that sends the rest of its request is not told to stop.',
  },
  {
    kind: 'meant',
    cases: over(http2, 'plain: 101 unasked'),
    fields: ['stats'],
    reason: 'A connection on which the backend has changed the protocol unasked is of no use, and is closed.',
  },
  {
    kind: 'meant',
    cases: over(http2, 'tunnels: websocket, answer without connection'),
    fields: ['received'],
    reason: 'A 101 means nothing in HTTP/2 (RFC 9113 8.6): the client is told 200.',
  },
  {
    kind: 'meant',
    cases: over(tls, 'all operators, TCP refused', 'all operators, TCP without cluster'),
    fields: ['connection', 'accessLog'],
    reason: "A connection is proxied when its handshake is over; Envoy's TCP proxy may fail before that.",
  },
  {
    kind: 'chance',
    cases: over(http2, 'grpc-timeout 0m over, no gRPC request'),
    fields: ['upstream', 'stats'],
    reason: 'Whether the request is on its way when its time is over, at once.',
  },
  {
    kind: 'chance',
    cases: over(tls, 'plain: half-closed behind a pipeline'),
    fields: ['received', 'accessLog', 'stats'],
    reason: 'How much is answered before the end of the TLS connection is seen.',
  },
  {
    kind: 'chance',
    cases: to(tls, 'preconnect_both x3'),
    fields: ['upstream'],
    reason: 'Which of its connections takes the next request depends on how long their handshakes took.',
  },
  {
    kind: 'meant',
    cases: to(http2, 'odd /hop'),
    fields: ['accessLog', 'received', 'upstream'],
    reason: "A field of HTTP/1's connections that a route adds is left out in HTTP/2; Envoy fails the request.",
  },
  {
    kind: 'chance',
    cases: to(http2, 'retry after finish'),
    fields: ['stats'],
    reason: 'Whether a connection that the backend destroys has brought its SETTINGS before.',
  },
  {
    kind: 'meant',
    cases: over(tls, 'internal redirect, other scheme'),
    fields: ['stats', 'upstream'],
    reason: 'With TLS it is the same scheme: a request that starts over takes the connection that has just been freed.',
  },
  {
    kind: 'chance',
    cases: [...over(tls, 'client resets unread'), ...to(tls, 'client resets unread')],
    fields: ['accessLog', 'stats', 'upstream'],
    reason: 'How much of what the backend sent is on its way when the client resets.',
  },
  {
    kind: 'meant',
    cases: over(tls, 'data that waits for a refused upstream'),
    fields: ['connection'],
    reason: 'Data that nobody wants has been read from the TLS connection, so that the socket ends without a reset.',
  },
]
