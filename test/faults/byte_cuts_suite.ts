/** A backend that ends at every byte of its response, with and without a retry, on both proxies. */
import type { ParityCase, ParitySuite, ReplyStep } from '../parity/case.ts'
import { get, OK } from '../parity/requests.ts'
import { bootstrap, cluster, httpListener, routes } from '../parity/yaml.ts'

const responses: Readonly<Record<string, string>> = {
  sized: 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
  chunked: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
}
const ends: Readonly<Record<string, ReplyStep>> = { reset: { reset: true }, finish: { finish: true } }
/** So that what was sent is read before the end is seen. */
const pause: ReplyStep = { pauseMs: 15 }

function cutAt(kind: string, length: number, end: string): ParityCase[] {
  const sent = responses[kind].slice(0, length)
  const cut: readonly ReplyStep[] = sent === '' ? [ends[end]] : [sent, pause, ends[end]]
  const name = `${end} after ${length} bytes of a ${kind} response`
  return [
    { name, steps: [get()], reply: cut },
    { name: `${name}, tried again`, listener: 'retrying', steps: [get()], replies: [cut, [OK]] },
  ]
}

export const byteCuts: ParitySuite = {
  name: 'byte cuts',
  yaml: bootstrap(
    [
      httpListener({ name: 'main', hcm: 'delayed_close_timeout: 0.02s' }),
      httpListener({
        name: 'retrying',
        hcm: 'delayed_close_timeout: 0.02s',
        virtualHosts: routes(`
- match: { prefix: / }
  route: { cluster: main, retry_policy: { retry_on: reset, num_retries: 1, retry_back_off: { base_interval: 0.002s } } }
`),
      }),
    ],
    [cluster('main', '', '{{backend}}')],
  ),
  cases: Object.entries(responses).flatMap(([kind, text]) =>
    Object.keys(ends).flatMap((end) => Array.from(text, (_, length) => cutAt(kind, length, end)).flat()),
  ),
}
