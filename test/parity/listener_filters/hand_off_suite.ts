/** Listeners that hand connections off to the listener of where those were going, as a PROXY header tells it. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { bootstrap } from '../yaml.ts'
import { httpInspector, listener, proxyProtocol, sends, tlsInspector } from './pieces.ts'

const LOG =
  'chain=%FILTER_CHAIN_NAME% flags=%RESPONSE_FLAGS% local=%DOWNSTREAM_LOCAL_ADDRESS% remote=%DOWNSTREAM_REMOTE_ADDRESS% rx=%BYTES_RECEIVED%'

const handsOff = 'use_original_dst: true'

/** One without sockets, at that address. */
function unbound(
  name: string,
  address: string,
  port: number,
  filters: readonly string[] = [],
  chains = {},
  more = '',
): string {
  const yaml = listener(name, filters, chains, `bind_to_port: false\n${more}`, LOG)
  return yaml
    .replace('address: 127.0.0.1, port_value: 0', `address: "${address}", port_value: ${port}`)
    .replace(filters.length === 0 ? / {2}listener_filters:\n/ : /^$/, '')
}

const listeners = [
  listener('hands_off', [proxyProtocol()], {}, handsOff, LOG),
  listener('keeps', [proxyProtocol()], {}, 'use_original_dst: false', LOG),
  listener('inspects', [proxyProtocol(), tlsInspector()], {}, handsOff, LOG),
  unbound('exact', '10.0.0.1', 9080),
  unbound('wildcard', '0.0.0.0', 9080),
  unbound('exact6', 'fd00::1', 9080),
  unbound('wildcard6', '::', 9080),
  unbound('other_port', '0.0.0.0', 9081),
  unbound('no_chain', '0.0.0.0', 9082, [], { never: '{ destination_port: 1 }' }),
  unbound('inspected', '0.0.0.0', 9083, [httpInspector()], {
    http: '{ application_protocols: [ http/1.1 ] }',
    raw: '{ transport_protocol: raw_buffer }',
  }),
  unbound('asks_again', '0.0.0.0', 9084, [proxyProtocol()], {}, handsOff),
  unbound('by_port', '0.0.0.0', 9085, [], { right: '{ destination_port: 9085 }', wrong: '{ destination_port: 9 }' }),
]

const v4 = (destination: string, port: number): string => `PROXY TCP4 1.2.3.4 ${destination} 5678 ${port}\r\n`
const v6 = (destination: string, port: number): string => `PROXY TCP6 fd00::9 ${destination} 5678 ${port}\r\n`
const STATS = '^listener\\..*(downstream|no_filter)'

const to = (name: string, header: string, more: Partial<ParityCase> = {}, data = 'hello'): ParityCase =>
  sends(`hand off: ${name}`, 'hands_off', `${header}${data}`, { stats: STATS, ...more })

export const handOffSuite: ParitySuite = {
  name: 'hand_off',
  yaml: bootstrap(listeners, ['- { name: unused, type: STATIC }']),
  cases: [
    to('exact address', v4('10.0.0.1', 9080)),
    to('any address', v4('10.0.0.2', 9080)),
    to('exact address of version 6', v6('fd00::1', 9080)),
    to('any address of version 6', v6('fd00::2', 9080)),
    to('another port', v4('10.0.0.1', 9081)),
    to('a port that only the other version has', v6('fd00::1', 9081)),
    to('nobody has it', v4('10.0.0.1', 9999)),
    to('no header of addresses', 'PROXY UNKNOWN\r\n'),
    to('no chain there', v4('10.0.0.1', 9082)),
    to('inspected there, HTTP', v4('10.0.0.1', 9083), {}, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'),
    to('inspected there, something else', v4('10.0.0.1', 9083), {}, '\0\0\0\0\0\0\0\0'),
    to('a filter there restores again', `${v4('10.0.0.1', 9084)}${v4('10.0.0.1', 9080)}`),
    to('matched there by port', v4('10.0.0.1', 9085)),
    to('in pieces', v4('10.0.0.1', 9080), {
      steps: ['PROXY TCP4 1.2.3.4 10.0.', { quietMs: 15 }, '0.1 5678 9080\r\nhel', { quietMs: 15 }, 'lo'],
    }),
    to('header alone, data later', v4('10.0.0.1', 9080), {
      steps: [v4('10.0.0.1', 9080), { quietMs: 30 }, 'later', { waitFor: 'later' }, { halfClose: true }],
    }),
    sends('hand off: not asked for', 'keeps', `${v4('10.0.0.1', 9080)}hello`, { stats: STATS }),
    sends('hand off: after another filter', 'inspects', `${v4('10.0.0.1', 9080)}hello hello`, { stats: STATS }),
    sends('hand off: inspected twice', 'inspects', `${v4('10.0.0.1', 9083)}GET / HTTP/1.1\r\nhost: a\r\n\r\n`, {
      stats: STATS,
    }),
  ],
}
