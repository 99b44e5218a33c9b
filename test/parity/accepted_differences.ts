/** The one list of differences from Envoy that do not fail the parity tests, each with its kind and its reason. */
import type { ObservedField } from './compare.ts'
import { transportDifferences } from './transports/accepted_differences.ts'
import { discoveryDifferences } from './xds/accepted_differences.ts'

/** `meant` stays so, `chance` differs between two Envoys too, `gap` is what Nuncio still lacks and ought to do. */
export type DifferenceKind = 'meant' | 'chance' | 'gap'

export interface AcceptedDifference {
  kind: DifferenceKind
  /** Case names; one that ends in `*` is a prefix. */
  cases: readonly string[]
  fields: readonly ObservedField[]
  reason: string
}

export const acceptedDifferences: readonly AcceptedDifference[] = [
  ...discoveryDifferences,
  ...transportDifferences,
  {
    kind: 'meant',
    cases: ['memory of streams: a whole response that is not taken'],
    fields: ['accessLog', 'stats'],
    reason:
      'A request is logged when its response is whole; that the client had not taken it shows in http2.tx_reset and in the count of the action.',
  },
  {
    kind: 'meant',
    cases: ['routes on demand, delta ads: *', 'routes on demand, delta grpc: *'],
    fields: ['stats'],
    reason:
      'Reloads that virtual hosts cause are counted as theirs (`vhds.<name>.config_reload`) alone, and a scope on demand is active when it has its routes, not when it is asked for.',
  },
  {
    kind: 'chance',
    cases: [
      'routes on demand, delta ads: a cluster, and a listener that needs nothing',
      'routes on demand, delta grpc: a cluster, and a listener that needs nothing',
    ],
    fields: ['admin'],
    reason: 'Whether the workers run already when the first step ends.',
  },
  {
    kind: 'chance',
    cases: ['xds dumps, delta ads: and is in use with its endpoints'],
    fields: ['received'],
    reason: 'A name that is not wanted any more goes with the ACK or in a request before it.',
  },
  {
    kind: 'meant',
    cases: ['ads', 'grpc'].flatMap((mode) => [
      `routes on demand, delta ${mode}: virtual hosts of the route configuration change`,
      `routes on demand, delta ${mode}: a scope without routes`,
    ]),
    fields: ['received'],
    reason:
      'A virtual host that is withdrawn is gone, where Envoy serves it for ever; scopes that are refused change nothing.',
  },
  {
    kind: 'meant',
    cases: [
      'h2 frames: body: behind its end and the answer',
      'h2 frames: trailers behind the answer',
      'h2 frames: streams that go back',
      'h2 frames: a stream again',
      'h2 frames: PRIORITY: on stream 0',
      'h2 frames: PRIORITY: on itself',
      'h2 frames: RST_STREAM: DATA behind it',
      'h2 frames: RST_STREAM: HEADERS behind it',
      'h2 frames: window: of a stream over 2^31',
      'h2 frames: window: over by SETTINGS',
    ],
    fields: ['received', 'connection', 'upstream', 'accessLog', 'stats'],
    reason:
      'RFC 9113 says which error these are, of the stream or of the connection; Envoy reads over them or ends more.',
  },
  {
    kind: 'meant',
    cases: ["h2 frames: GOAWAY: a stream that is the client's", 'h2 frames: GOAWAY: twice, upwards'],
    fields: ['received', 'connection', 'upstream', 'accessLog', 'stats'],
    reason: 'Clients say this when they leave, Go among them: their requests are served, where Envoy drops them.',
  },
  {
    kind: 'meant',
    cases: [
      'h2 frames: no SETTINGS',
      'h2 frames: SETTINGS ack first',
      'h2 frames: PING first',
      'h2 frames: a bad preface',
      'h2 frames: HTTP/1 where only HTTP/2 is',
    ],
    fields: ['received'],
    reason: 'Our SETTINGS are written before the first frame is looked at; Envoy writes them after it, if at all.',
  },
  {
    kind: 'meant',
    cases: ['h2 frames: flood: answers'],
    fields: ['received', 'accessLog', 'stats'],
    reason: 'Requests behind a limit that does not hold are not served any more; Envoy looks when it has served them.',
  },
  {
    kind: 'meant',
    cases: [
      'h2 frames: answer: early, and the body goes on',
      'h2 frames: answer: early, and the client resets',
      'h2 frames: answer: direct, body goes on',
    ],
    fields: ['received', 'stats'],
    reason: 'A client that has its answer is told to stop a moment later, and only if it goes on.',
  },
  {
    kind: 'chance',
    cases: ['h2 TLS to h2 TLS: retry after finish'],
    fields: ['stats'],
    reason: 'How many bytes are read from a connection that is cut off.',
  },
  {
    kind: 'meant',
    cases: ['h2 backend frames: head: status 099*'],
    fields: ['received', 'upstream', 'accessLog', 'stats'],
    reason: 'There is no such status (RFC 9110 15), and HTTP/1.1 cannot write it in three digits as Envoy does.',
  },
  {
    kind: 'meant',
    cases: ['h2 backend frames: GOAWAY: upwards', 'h2 backend frames: GOAWAY: a stream of the server'],
    fields: ['received', 'accessLog', 'stats'],
    reason: 'What a backend that leaves says wrong of its last stream costs no request; Envoy answers 502.',
  },
  {
    kind: 'meant',
    cases: ['h2 backend frames: continuation on and on'],
    fields: ['received', 'accessLog', 'stats'],
    reason:
      'Header blocks are decoded when they are whole: what one has too much is found then, or when it is too long.',
  },
  {
    kind: 'meant',
    cases: ['downstream TLS: something else', 'downstream TLS: an empty hello'],
    fields: ['received'],
    reason: 'OpenSSL answers what is no TLS with another alert than BoringSSL, or with none.',
  },
  {
    kind: 'meant',
    cases: ['proxy protocol: v2 from a pipe', 'proxy protocol: v2_unspecified from a pipe'],
    fields: ['upstream', 'stats'],
    reason:
      'Envoy writes no header for a client without an IP address (and dies of it in version 1); ours says so in one.',
  },
  {
    kind: 'chance',
    cases: ['limits of retries: two wait, and no more', 'limits of retries: one waits, and no more'],
    fields: ['upstream'],
    reason: 'Which of the connections that several requests open at once are used.',
  },
  {
    kind: 'chance',
    cases: ['random x3', 'round_robin_weighted*', 'least_request*'],
    fields: ['upstream', 'received', 'stats', 'accessLog'],
    reason: 'Which host a draw picks is chance.',
  },
  {
    kind: 'chance',
    cases: ['retry*', 'attempt count*'],
    fields: ['upstream'],
    reason: 'What is left of a timeout at a retry depends on the milliseconds that the first try took.',
  },
  {
    kind: 'meant',
    cases: [
      'request: content-length 2^63-1',
      'request: content-length 2^63',
      'request: content-length 2^64-1',
      'request: content-length many leading zeros',
      'request: content-length behind an obs-fold',
      'request: length and bad chunked, allowed',
      'request: transfer-encoding behind an obs-fold',
      'request: transfer-encoding value in an obs-fold',
      'request: transfer-encoding on HTTP/1.0',
      'request: transfer-encoding and length on HTTP/1.0',
      'request: chunks very many leading zeros',
      'request: chunks size 2^63',
      'request: chunks extension with quoted CRLF',
      'request: chunks extension with NUL',
      'request: chunks extension of 20 KB',
      'request: chunks LF after data',
      'request: chunks CR and junk after data, no line end',
      'request: chunks data longer than size',
      'request: chunks LF as last line',
      'request: chunks trailer obs-fold',
      'request: chunks trailer with bare LF',
      'request: pipeline, LF between',
      'request: pipeline, NUL between',
      'request: TLS hello',
      'request: line LF before',
      'request: line CR before',
      'request: line method and target only',
      'request: line HTTP/0.9',
      'request: line two spaces after method',
      'request: line two spaces after target',
      'request: line tab as separator',
      'request: line trailing space',
      'request: line ends with LF',
      'request: line ends with CR CR LF',
      'request: version HTTP/1.0',
      'request: version 0.9 where 1.0 is accepted',
      'request: target asterisk and more',
      'request: target absolute query without path',
      'request: target absolute with userinfo',
      'request: host twice, equal',
      'request: host twice, unlike',
      'request: host twice by case',
      'request: host behind obs-fold',
      'request: field obs-fold space',
      'request: field obs-fold tab',
      'request: field obs-fold empty',
      'request: field obs-fold three lines',
      'request: field obs-fold after empty value',
      'request: field LF as line end',
      'request: head with LF only',
      'request: head ends with LF LF',
      'request: head ends with CRLF LF',
      'request: head ends with LF CRLF',
      'request: field CR CR LF',
      'request: field bare CR in value',
      'request: field bare CR as line end',
      'request: expect twice',
      'request: upgrade with content-length',
      'request: connect with chunked',
    ],
    fields: ['accessLog', 'connection', 'received', 'upstream'],
    reason:
      'Two parsers could read the request differently (bare line feeds, folded lines, odd spaces, repeated Host, loose chunks): it is refused with 400, where Envoy reads it in one way.',
  },
  {
    kind: 'meant',
    cases: [
      'response: status HTTP/1.2',
      'response: status HTTP/2.0',
      'response: status HTTP/0.9',
      'response: status two spaces',
      'response: status tab',
      'response: status four digits',
      'response: status plus sign',
      'response: status CR in reason',
      'response: status line ends with LF',
      'response: head with LF only',
      'response: chunks no CRLF after data',
      'response: 100 only and FIN',
      'response: field value bare CR',
      'response: field obs-fold',
      'response: code 304 content-length: ten',
    ],
    fields: ['accessLog', 'connection', 'received'],
    reason: 'A backend that breaks the grammar is answered for with 502, where Envoy is lenient.',
  },
  {
    kind: 'meant',
    cases: ['idle connection: half a head'],
    fields: ['accessLog', 'received', 'stats', 'upstream'],
    reason:
      'An idle upstream connection that speaks unasked is closed at once, where Envoy waits for the rest of the head and gives it to the next request.',
  },
  {
    kind: 'meant',
    cases: ['plain: early response, then the rest of the body', 'plain: Expect, direct response'],
    fields: ['connection'],
    reason: 'What a client still sends during the delayed close is read and dropped, so that it gets a FIN and no RST.',
  },
  {
    kind: 'meant',
    cases: ['plain: 101 unasked'],
    fields: ['stats'],
    reason: 'A connection whose backend has gone over to another protocol unasked is not used again.',
  },
  {
    kind: 'meant',
    cases: ['tunnels: websocket answered 426'],
    fields: ['accessLog', 'connection', 'received', 'stats'],
    reason:
      'Only 101 makes a tunnel: Envoy takes every answer with the two headers for one, and passes on whatever the client sends then.',
  },
  {
    kind: 'meant',
    cases: ['/no', '/direct', '/direct404', '/direct503', '/refused', '/redirect'].map(
      (path) => `formats: ${path} code`,
    ),
    fields: ['received'],
    reason:
      'A 204 has no body, whatever a mapper gives it: Envoy writes one, which a client takes for the next answer.',
  },
  {
    kind: 'meant',
    cases: ['config: trusted range not an address'],
    fields: ['admin'],
    reason: 'Envoy leaves a trusted range out without a word where its address is none: here it is an error.',
  },
  {
    kind: 'meant',
    cases: ['direct /204', 'direct /304'],
    fields: ['received'],
    reason:
      'A direct response that may have no body is sent without one, where Envoy writes bytes that no client reads.',
  },
  {
    kind: 'meant',
    cases: ['internal redirect', 'internal redirect twice', 'internal redirects, three'],
    fields: ['stats', 'upstream'],
    reason:
      'A request that starts over takes the connection that its first answer has just freed, where Envoy opens one.',
  },
  {
    kind: 'chance',
    cases: ['GET /runtime', 'runtime modified and restored'],
    fields: ['admin'],
    reason: 'The order of keys and the debug text of fractions are chance in Envoy.',
  },
  {
    kind: 'chance',
    cases: ['backend resets as soon as it has accepted*', 'backend resets after data'],
    fields: ['received', 'accessLog', 'stats'],
    reason:
      'Whether a reset is seen while connecting or after it, and before or after the data in front of it, depends on who is quicker.',
  },
  {
    kind: 'meant',
    cases: ['client resets with the next request sent', 'client resets with half of the next request sent'],
    fields: ['accessLog', 'stats'],
    reason: 'A reset behind a pipelined request is seen at once, where Envoy waits for the answer that nobody reads.',
  },
  {
    kind: 'meant',
    cases: [
      'request: target parameters behind escaped dots, normalised',
      'request: target parameters behind dots and a backslash, normalised',
    ],
    fields: ['upstream'],
    reason:
      'A dot segment with parameters is one however it is written: a backend that leaves parameters out would climb where no route or policy has looked.',
  },
  {
    kind: 'meant',
    cases: ['old hello of SSL 2'],
    fields: ['received', 'accessLog', 'stats'],
    reason:
      'A hello in the framing of SSL 2 is no TLS: it carries no name and no protocols, and no server here answers it.',
  },
  {
    kind: 'meant',
    cases: ['half a hello, then reset'],
    fields: ['accessLog', 'stats'],
    reason: 'A reset ends the socket at once, where Envoy keeps it until the timeout of its listener filters.',
  },
  {
    kind: 'meant',
    cases: ['v1 "PROXY TCP6 fe80::1%lo*', 'v1 optional "PROXY TCP6 fe80::1%lo*'],
    fields: ['received', 'connection', 'accessLog', 'stats'],
    reason:
      'Whose peers are named by the interfaces of this machine, a sender on another one cannot know: such a header is wrong.',
  },
  {
    kind: 'chance',
    cases: ['tlvs_state: tlvs', 'tlvs_state: empty tlv, then another'],
    fields: ['accessLog'],
    reason: 'The order of keys is chance in Envoy.',
  },
  {
    kind: 'meant',
    cases: ['transcoder: head'],
    fields: ['received', 'accessLog'],
    reason: 'A response to HEAD has no body, also where the transcoder has made a POST of it.',
  },
  {
    kind: 'meant',
    cases: ['body: a malformed response'],
    fields: ['received', 'accessLog', 'connection'],
    reason: 'A malformed HttpBody is answered with 502, as any other malformed message, where Envoy resets the stream.',
  },
  {
    kind: 'meant',
    cases: ['grpc web: no trailers, text'],
    fields: ['received', 'accessLog'],
    reason: 'A text response without trailers ends; in Envoy it stays open for ever.',
  },
  {
    kind: 'meant',
    cases: ['upgrade: protobuf, no grpc at all'],
    fields: ['received', 'accessLog'],
    reason: 'Only a gRPC response loses the five bytes of a frame header; Envoy cuts them off any body.',
  },
  {
    kind: 'meant',
    cases: ['upgrade: protobuf with trailers'],
    fields: ['upstream'],
    reason: 'A message is framed whether or not trailers follow it.',
  },
  {
    kind: 'meant',
    cases: ['smallbridge: large request*'],
    fields: ['received', 'upstream', 'accessLog', 'stats'],
    reason: 'A body over the limit is answered with 413; Envoy stops reading and waits for ever.',
  },
  {
    kind: 'meant',
    cases: ['withhold: short body', 'sized: short body'],
    fields: ['received'],
    reason: 'A frame header may come in two reads: a body is too short when it has ended.',
  },
  {
    kind: 'meant',
    cases: ['connect: HEAD', 'connect: POST with the query of a GET', 'connect: GET with a type'],
    fields: ['received', 'upstream', 'accessLog'],
    reason: 'Connect has calls by POST and by GET; Envoy answers HEAD with a body, and mixes a query with a body.',
  },
  {
    kind: 'meant',
    cases: ['connect: GET, padded base64'],
    fields: ['upstream'],
    reason: 'Padding is allowed in a Connect query; Envoy sends an empty message on.',
  },
  {
    kind: 'meant',
    cases: ['grpc stacked: grpc web text to plain http', 'grpc bridged: protobuf through both bridges*'],
    fields: ['received', 'accessLog', 'stats'],
    reason: 'A response whose trailers a filter makes passes the filters in front of it; in Envoy it never ends.',
  },
  {
    kind: 'meant',
    cases: ['config: filter: cors policy as a filter', 'config: filter: cors as a route setting'],
    fields: ['admin'],
    reason: "The filter's and the route's message in each other's place do nothing in Envoy; here they are refused.",
  },
  {
    kind: 'meant',
    cases: ['transcoder: head'],
    fields: ['received', 'accessLog'],
    reason: 'A response to HEAD has no body, also where the transcoder has made a POST of it.',
  },
  {
    kind: 'meant',
    cases: ['body: a malformed response'],
    fields: ['received', 'accessLog', 'connection'],
    reason: 'A malformed HttpBody is answered with 502, as any other malformed message, where Envoy resets the stream.',
  },
  {
    kind: 'meant',
    cases: ['limit: a request in chunks'],
    fields: ['received', 'connection', 'upstream', 'accessLog'],
    reason: 'max_request_body_size holds for the body, where Envoy compares it with each piece that it reads at once.',
  },
  {
    kind: 'meant',
    cases: [
      'config: balancing: ring policy with a small balance factor',
      'config: balancing: weights of the hosts with a penalty below zero',
    ],
    fields: ['admin'],
    reason: 'The API declares these limits; Envoy does not check them in the messages of load balancing policies.',
  },
  {
    kind: 'meant',
    cases: ['bandwidth limit: the client goes while data waits', 'bandwidth limit: no limit, and nothing passes'],
    fields: ['stats'],
    reason: 'What waits is pending no longer when its stream is reset; in Envoy the gauge stays up for ever.',
  },
  {
    kind: 'meant',
    cases: [
      'config: retry: priority, update frequency 0',
      'config: retry: priority, no update frequency',
      'config: retry: priority, negative update frequency',
      'config: internal redirect: an empty name',
    ],
    fields: ['admin'],
    reason: 'The API declares these limits; Envoy checks them when a request needs them, and dies of it.',
  },
  {
    kind: 'meant',
    cases: ['overload: keepalive, connection: close'],
    fields: ['connection', 'stats'],
    reason:
      'A client that asks for the end of its connection has it with the response, where Envoy under overload waits for as long as drain_timeout.',
  },
]
