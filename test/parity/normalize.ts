/** Makes what two proxies did comparable: dates, random ids, ports and durations become fixed words. */

const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g
const HTTP_DATE = /\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/g
const KEPT_YEAR = 'Jan 2001'
const SERVICE_TIME = /(x-envoy-upstream-service-time: )\d+/gi
const REMAINING_TIMEOUT = /(x-envoy-expected-rq-timeout-ms: )(149\d\d|14[0-8]\d\d)\b/g

export interface KnownPort {
  port: number
  word: string
}

export function normalizeText(text: string, ports: readonly KnownPort[], more: readonly [RegExp, string][] = []) {
  let result = text
    .replace(UUID, '<uuid>')
    .replace(HTTP_DATE, (date) => (date.includes(KEPT_YEAR) ? date : '<date>'))
    .replace(SERVICE_TIME, '$1<ms>')
    .replace(REMAINING_TIMEOUT, '$1<remaining>')
  for (const { port, word } of ports) {
    if (port <= 1) continue
    // Stat names write the colon of an address as an underscore.
    result = result.replaceAll(`:${port}`, `:<${word}>`).replaceAll(`_${port}.`, `_<${word}>.`)
  }
  for (const [pattern, replacement] of more) result = result.replace(pattern, replacement)
  return result
}
