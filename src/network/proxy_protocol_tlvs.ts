// TLVs that a configuration adds to PROXY headers: fixed values, and formats of what is known of a connection.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { Formatter } from '../access_log/formatter.ts'
import { unansweredContext } from '../access_log/formatter_context.ts'
import { compileSubstitutionFormat, type FormatContext } from '../access_log/substitution_format.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { ProxyProtocolTlv } from './proxy_protocol.ts'

type TlvEntry = envoy.config.core.v3.TlvEntry

/** The TLVs for one connection, fixed ones first; `streamInfo` is asked for only where a value is a format. */
export type TlvSource = (streamInfo: () => StreamInfo) => readonly ProxyProtocolTlv[]

/** Errors are reported to `context.errors`; entries in error are left out. */
export function compileTlvs(entries: readonly TlvEntry[], context: FormatContext): TlvSource {
  const parts = entries.flatMap((entry) => compileEntry(entry, context) ?? [])
  const fixed = parts.filter((part) => 'value' in part)
  const formatted = parts.filter((part) => 'formatter' in part)
  if (formatted.length === 0) return () => fixed
  return (streamInfo) => {
    const info = unansweredContext(streamInfo())
    const made = formatted.map(({ type, formatter }) => ({
      type,
      value: Buffer.from(formatter.format(info), 'latin1'),
    }))
    return [...fixed, ...made]
  }
}

interface FormattedTlv {
  readonly type: number
  readonly formatter: Formatter
}

function compileEntry(entry: TlvEntry, context: FormatContext): ProxyProtocolTlv | FormattedTlv | undefined {
  const { type, value, formatString } = entry
  if (formatString !== undefined && value.length > 0) {
    const message = "Invalid TLV configuration: only one of 'value' or 'format_string' may be set."
    context.errors.add(entry, 'formatString', message)
    return undefined
  }
  if (formatString !== undefined) {
    const format = compileSubstitutionFormat(formatString, context)
    return format === undefined ? undefined : { type, formatter: format.formatter }
  }
  if (value.length > 0) return { type, value: Buffer.from(value) }
  context.errors.add(entry, 'value', "Invalid TLV configuration: one of 'value' or 'format_string' must be set.")
  return undefined
}
