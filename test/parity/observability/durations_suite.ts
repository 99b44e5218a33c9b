/** Which part of an exchange each duration of an access log counts: one part a case takes long, the others do not. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, response } from '../requests.ts'
import { ALL_TO_MAIN, bootstrap, cluster, httpListener } from '../yaml.ts'

const PAUSE_MS = 700
const moments = ['DS_RX_BEG', 'DS_RX_END', 'US_TX_BEG', 'US_TX_END', 'US_RX_BEG', 'US_RX_END', 'DS_TX_BEG', 'DS_TX_END']

const format = [
  'DURATION',
  'REQUEST_DURATION',
  'REQUEST_TX_DURATION',
  'RESPONSE_DURATION',
  'RESPONSE_TX_DURATION',
  ...moments.slice(1).map((moment, i) => `COMMON_DURATION(${moments[i]}:${moment})`),
]
  .map((name) => `${name}=%${name}%`)
  .join(' ')

const yaml = bootstrap(
  [
    httpListener({
      name: 'main',
      logFormat: `${format} service=%RESP(x-envoy-upstream-service-time)%`,
      virtualHosts: ALL_TO_MAIN,
    }),
  ],
  [cluster('main')],
)

/** What a pause is part of is LONG, all else short, `-` stays. */
const LENGTHS: [RegExp, string][] = [
  [/=([5-9]\d\d|\d{4,})\b/g, '=LONG'],
  [/=\d{1,3}\b/g, '=short'],
  [/service-time: \d+/g, 'service-time: N'],
]

const slow = (name: string, steps: ParityCase['steps'], more: Partial<ParityCase> = {}): ParityCase => ({
  name: `slow ${name}`,
  steps,
  normalize: LENGTHS,
  ...more,
})
const half = 'POST /p HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nab'

export const durationsSuite: ParitySuite = {
  name: 'durations',
  yaml,
  cases: [
    slow('at nothing', [get(), { waitFor: 'ok' }]),
    slow('answer', [get(), { waitFor: 'ok' }], { reply: [{ pauseMs: PAUSE_MS }, response(200, 'ok')] }),
    slow('body of the answer', [get(), { waitFor: 'ok' }], {
      reply: ['HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n', { pauseMs: PAUSE_MS }, 'ok'],
    }),
    slow('request', [half, { quietMs: PAUSE_MS }, 'cd', { waitFor: 'ok' }]),
    slow('request that never ends', [half, { quietMs: PAUSE_MS }, { reset: true }]),
    slow('answer that never ends', [get(), { waitFor: 'length' }, { quietMs: PAUSE_MS }, { reset: true }], {
      reply: ['HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n'],
    }),
  ],
}
