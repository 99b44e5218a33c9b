/** Differences from Envoy that suites show over other transports than their own. */
import type { AcceptedDifference } from '../accepted_differences.ts'
import { type Side, transports } from './transports.ts'

/** The case over all transports whose clients are such. */
const over = (isMeant: (downstream: Side) => boolean, ...names: readonly string[]): string[] =>
  transports
    .filter(({ downstream }) => isMeant(downstream))
    .flatMap((one) => names.map((name) => `${one.name}: ${name}`))

const http2 = (side: Side): boolean => side.http2
const tls = (side: Side): boolean => side.tls

export const transportDifferences: readonly AcceptedDifference[] = [
  {
    kind: 'chance',
    cases: over(http2, 'plain: ten in a pipeline', 'grpc web: two calls on one connection'),
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
]
