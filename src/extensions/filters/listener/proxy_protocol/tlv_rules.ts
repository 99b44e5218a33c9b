// What `rules` say of version 2's TLVs: values that become dynamic metadata, or filter state.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { ListenerFilterCallbacks } from '../../../../network/listener_filter.ts'
import type { ProxyProtocolTlv } from '../../../../network/proxy_protocol.ts'

type ProxyProtocolView = envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
type KeyValuePair = envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.KeyValuePair

const defaultNamespace = 'envoy.filters.listener.proxy_protocol'
const tlvState = 'envoy.network.proxy_protocol.tlv'

/** The values of one connection by their keys, for logs and matchers. */
class TlvState {
  readonly #values: ReadonlyMap<string, string>

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values
  }

  serializeAsString(): string {
    return JSON.stringify(Object.fromEntries(this.#values))
  }

  serializeAsJson(): unknown {
    return Object.fromEntries(this.#values)
  }

  getField(name: string): string | undefined {
    return this.#values.get(name)
  }
}

export function compileTlvRules(
  view: ProxyProtocolView,
): (tlvs: readonly ProxyProtocolTlv[], callbacks: ListenerFilterCallbacks) => void {
  const rules = new Map<number, KeyValuePair>()
  for (const { tlvType, onTlvPresent } of view.rules) {
    if (onTlvPresent !== undefined) rules.set(tlvType & 0xff, onTlvPresent)
  }
  const toState = view.tlvLocation === 'FILTER_STATE'
  return (tlvs, { streamInfo }) => {
    const values = new Map<string, string>()
    for (const { type, value } of tlvs) {
      const rule = rules.get(type)
      if (rule === undefined) continue
      const text = encode(value, rule)
      if (toState) {
        values.set(rule.key, text)
        continue
      }
      // The first value of a key stays, unlike in the filter state: both as in Envoy.
      const namespace = rule.metadataNamespace || defaultNamespace
      const isTaken = streamInfo.dynamicMetadata[namespace]?.[rule.key] !== undefined
      if (!isTaken) streamInfo.setDynamicMetadata(namespace, { [rule.key]: text })
    }
    if (values.size > 0) streamInfo.filterState.set(tlvState, new TlvState(values))
  }
}

function encode(value: Buffer, rule: KeyValuePair): string {
  return rule.valueStringEncoding === 'BASE64' ? value.toString('base64') : sanitizedUtf8(value)
}

const replacement = 0x21

/** UTF-8 text in which each byte that belongs to no character has become `!`, as in Envoy. */
export function sanitizedUtf8(bytes: Buffer): string {
  const clean = Buffer.from(bytes)
  let i = 0
  while (i < clean.length) {
    const length = characterLength(clean, i)
    if (length === 0) clean[i++] = replacement
    else i += length
  }
  return clean.toString('utf8')
}

/** Bytes of the well-formed character at a position (Unicode, table 3-7); 0 where there is none. */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at]
  if (first < 0x80) return 1
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return 0
  const second = bytes[at + 1]
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < lowest || second > highest) return 0
  for (let i = at + 2; i < at + length; i++) if (bytes[i] >>> 6 !== 2) return 0
  return length
}
