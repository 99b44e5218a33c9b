/** What a parity case is made of: a suite starts both proxies once from one YAML, a case is one client connection. */
import type { ConnectionOptions, TlsOptions } from 'node:tls'
import type { BackendScript } from '../support/echo_backend.ts'
import type { Http2BackendScript, Http2ReplyStep } from '../support/http2_backend.ts'
import type { RateLimitReply } from '../support/rate_limit_service.ts'

/**
 * A step of the client. A string is sent as it is, one byte a character, but for `{{backend:NAME}}`, as in the YAML, and
 * `{{look}}`: a number that is another one with each run of a case, on both proxies.
 */
export type Step =
  | string
  | { waitFor: string }
  /** Waits until the text occurs that many times. */
  | { waitCount: [text: string, count: number] }
  /** Waits until a backend has received the text in this case. */
  | { waitBackend: string }
  /** Waits until the proxy closed. */
  | { waitClosed: true }
  | { halfClose: true }
  | { reset: true }
  | { quietMs: number }
  | Preparation
  /** Waits until a file of the proxy's folder has text and compares it. */
  | { file: string }
  /** An admin request of the case's own; its status, content type and body are compared. */
  | {
      admin: string
      method?: string
      headers?: Record<string, string>
      /** The order of keys is free. */
      sortJson?: boolean
    }

/** A change of the proxy's surroundings. */
export type Preparation =
  /** Puts another file in the place of one in the proxy's folder. */
  | { replaceFile: string; text: string }
  /** Waits until the stat has the value. */
  | { waitStat: string; value: number }

/** A step of the backend after a complete request (or at once on accept, for `onConnect`). */
export type ReplyStep = string | { pauseMs: number } | { finish: true } | { reset: true } | { waitFor: string }

export interface ParityCase {
  name: string
  /** Name of the listener the client connects to; `main` by default. */
  listener?: string
  /** Address to connect to; `127.0.0.1` by default. */
  host?: string
  /** A pipe to connect to instead: a path (`{{dir}}` is the process's folder), or `@name`. */
  pipe?: string
  /** The client speaks TLS, and believes every certificate. */
  tls?: ConnectionOptions
  /** Before anything is connected or counted. */
  prepare?: readonly Preparation[]
  steps: readonly Step[]
  /** The proxy answers in HTTP/2: what is received is a list of frames, for `waitFor` too. */
  frames?: true
  /** What each connection of the case sends from the `frameBackends`, whose `waitFor` looks at their list; the last repeats. */
  backendFrames?: readonly (readonly ReplyStep[])[]
  /** What the backends answer: raw bytes, steps, or one entry a request (the last repeats). */
  reply?: string | readonly ReplyStep[]
  /** Answers of the first, second, ... request on any backend; the last repeats. */
  replies?: readonly (readonly ReplyStep[])[]
  /** The same for backends that speak HTTP/2. */
  http2Replies?: readonly (readonly Http2ReplyStep[])[]
  /** What the rate limit service answers; by default that all is well. */
  rateLimit?: RateLimitReply
  /** `head` answers as soon as the head is there, `request` (default) when the request is complete. */
  replyAt?: 'head' | 'request' | 'connect'
  /** Filter (RE2) of the stats whose movement is compared; nothing is compared without it. */
  stats?: string
  /** Access-log lines to wait for; default 1, 0 compares none. */
  logLines?: number
  /** How often a line comes is chance (it is written every so often): lines that are equal count once. */
  logOnce?: boolean
  /** How long nothing must come before the case is over; longer for cases with timers. */
  quietMs?: number
  /** Texts that differ from run to run: each match becomes the replacement. */
  normalize?: readonly [RegExp, string][]
  /** That many connections are opened to the listener first and held until the end. */
  holdConnections?: number
  /** What the held connections send. */
  holdBytes?: string
  /** Does not end by the client's FIN, so that the proxy's own close is seen after this long. */
  waitClosedMs?: number
}

export interface ParitySuite {
  name: string
  /** `{{backend}}` and `{{backend:NAME}}` become ports, `{{dir}}` the process's folder. */
  yaml: string
  /** Names of the backends to start; `main` alone by default. */
  backends?: readonly string[]
  /** Backends that speak HTTP/2 (prior knowledge). */
  http2Backends?: readonly string[]
  /** SETTINGS of those. */
  http2Settings?: Http2BackendScript['settings']
  /** Backends that send the frames of a case as they are, and list those that they get. */
  frameBackends?: readonly string[]
  /** A script for backends that do more than `reply` can say. */
  scripts?: Readonly<Record<string, BackendScript>>
  /** Backends that speak TLS; what each is told in the handshake stands before what it receives. */
  tlsBackends?: Readonly<Record<string, TlsOptions>>
  /** An access log service of the proxy's own, on the port `{{als}}`: its entries are the access log. */
  accessLogService?: true
  /** A rate limit service of the proxy's own, on the port `{{rls}}`: what it is asked stands before what backends get. */
  rateLimitService?: true
  flags?: readonly string[]
  cases: readonly ParityCase[]
}

/** What was seen of one case on one proxy, normalised. */
export interface Observation {
  /** All bytes the client received. */
  received: string
  /** How the connection stood when the steps were over. */
  /** `reset` where a RST ended it. */
  connection: 'open' | 'closed' | 'reset'
  /** Bytes that reached the backends, one entry a connection. */
  upstream: string[]
  accessLog: string[]
  /** Stats that moved: name and change. */
  stats: string[]
  admin: string[]
}
