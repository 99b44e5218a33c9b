// Operators of moments and durations. Durations are whole milliseconds unless their argument names another unit.

import { monotonicMs, wallMs } from '../../common/clock.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import { compileDateFormat } from '../date_format.ts'
import { byteString } from '../json_text.ts'
import { FormatError, numberOperator, type OperatorSpec, plainNumber, textOperator } from '../operator.ts'

/** Monotonic milliseconds of a moment; NaN where it has not come. */
type TimePoint = (info: StreamInfo) => number

const timePoints = new Map<string, TimePoint>([
  ['DS_RX_BEG', (info) => info.startTimeMs],
  ['DS_RX_END', (info) => info.lastDownstreamRxByteMs],
  ['US_TX_BEG', (info) => info.upstream?.firstTxByteSentMs ?? Number.NaN],
  ['US_TX_END', (info) => info.upstream?.lastTxByteSentMs ?? Number.NaN],
  ['US_RX_BEG', (info) => info.upstream?.firstRxByteReceivedMs ?? Number.NaN],
  ['US_RX_END', (info) => info.upstream?.lastRxByteReceivedMs ?? Number.NaN],
  ['DS_TX_BEG', (info) => info.firstDownstreamTxByteMs],
  ['DS_TX_END', (info) => info.lastDownstreamTxByteMs],
])

const neverReached: TimePoint = () => Number.NaN
const perMillisecond: Readonly<Record<string, number>> = { ms: 1, us: 1000, ns: 1_000_000 }

/** COMMON_DURATION(start:end:unit). A name that is not a known moment never has a value. */
const commonDuration: OperatorSpec = {
  argument: 'required',
  length: false,
  make: (argument) => {
    const parts = argument.split(':')
    if (parts.length < 2 || parts.length > 3) {
      throw new FormatError(`Invalid common duration configuration: ${argument}.`)
    }
    const scale = perMillisecond[parts[2] ?? 'ms']
    if (scale === undefined) throw new FormatError(`Invalid common duration precision: ${parts[2]}.`)
    const begin = timePoints.get(parts[0]) ?? neverReached
    const end = timePoints.get(parts[1]) ?? neverReached
    return numberOperator((ctx) => {
      const duration = end(ctx.streamInfo) - begin(ctx.streamInfo)
      return duration < 0 ? undefined : Math.floor(duration * scale)
    })
  },
}

/** Milliseconds from the start to now, or to the end where it has come. */
export function durationMs(info: StreamInfo): number {
  const end = info.requestCompleteMs
  return Math.trunc((Number.isNaN(end) ? monotonicMs() : end) - info.startTimeMs)
}

function between(begin: string, end: string): OperatorSpec {
  const first = timePoints.get(begin) ?? neverReached
  const last = timePoints.get(end) ?? neverReached
  return plainNumber((ctx) => Math.trunc(last(ctx.streamInfo) - first(ctx.streamInfo)))
}

function moment(of: (info: StreamInfo) => number, local: boolean): OperatorSpec {
  return {
    argument: 'optional',
    length: false,
    make: (argument) => {
      if (/%n/.test(argument)) {
        throw new FormatError('Invalid header configuration. Format string contains newline.')
      }
      const format = compileDateFormat(byteString(argument), local)
      return textOperator((ctx) => format(of(ctx.streamInfo)))
    },
  }
}

const startWallMs = (info: StreamInfo): number => info.startWallMs

export const timeOperators: readonly (readonly [string, OperatorSpec])[] = [
  ['START_TIME', moment(startWallMs, false)],
  ['START_TIME_LOCAL', moment(startWallMs, true)],
  ['EMIT_TIME', moment(wallMs, false)],
  ['EMIT_TIME_LOCAL', moment(wallMs, true)],
  ['DURATION', plainNumber((ctx) => durationMs(ctx.streamInfo))],
  ['REQUEST_DURATION', between('DS_RX_BEG', 'DS_RX_END')],
  ['REQUEST_TX_DURATION', between('DS_RX_BEG', 'US_TX_END')],
  ['RESPONSE_DURATION', between('DS_RX_BEG', 'US_RX_BEG')],
  ['RESPONSE_TX_DURATION', between('US_RX_BEG', 'DS_TX_END')],
  // The moment of the client's last acknowledgement is known to QUIC only.
  ['ROUNDTRIP_DURATION', plainNumber(() => undefined)],
  [
    'DOWNSTREAM_HANDSHAKE_DURATION',
    plainNumber(({ streamInfo, accessLogType }) => {
      // Envoy's TCP proxy does not tell it. Requests come after the handshake, so that it is below 0 for them.
      const isTold = streamInfo.protocol !== '' || accessLogType === 'NotSet'
      const completeMs = isTold ? streamInfo.downstream.tls?.handshakeCompleteMs : undefined
      return Math.trunc((completeMs ?? Number.NaN) - streamInfo.startTimeMs)
    }),
  ],
  [
    'UPSTREAM_CONNECTION_POOL_READY_DURATION',
    plainNumber((ctx) =>
      Math.trunc((ctx.streamInfo.upstream?.connectionPoolReadyMs ?? Number.NaN) - ctx.streamInfo.startTimeMs),
    ),
  ],
  ['COMMON_DURATION', commonDuration],
]
