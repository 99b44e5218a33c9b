// What `rules` say of version 2's TLVs: values that become dynamic metadata, or filter state.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { sanitizedUtf8 } from '../../../../common/sanitized_utf8.ts'
import type { ListenerFilterCallbacks } from '../../../../network/listener_filter.ts'
import type { ProxyProtocolTlv } from '../../../../network/proxy_protocol.ts'
import type { FilterStateMessage } from '../../../../stream_info/filter_state.ts'

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

  serializeAsProto(): FilterStateMessage {
    return { typeUrl: 'google.protobuf.Struct', value: this.serializeAsJson() }
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
