// What a check sends and what it looks for in the answer: bytes, in hexadecimal digits or as they are.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'

type Payload = envoy.config.core.v3.HealthCheck.Payload

/** Empty ones are left out, and what is no payload is said in `errors`. */
export function payloadBytes(payloads: readonly Payload[], errors: ConfigErrors): Buffer[] {
  return payloads.flatMap((payload) => {
    const bytes = payload.text === undefined ? Buffer.from(payload.binary ?? []) : decodeHex(payload, errors)
    return bytes.length === 0 ? [] : [bytes]
  })
}

function decodeHex(payload: Payload, errors: ConfigErrors): Buffer {
  const text = payload.text ?? ''
  if (/^([0-9a-f]{2})+$/i.test(text)) return Buffer.from(text, 'hex')
  errors.add(payload, 'text', `invalid hex string '${text}'`)
  return Buffer.alloc(0)
}

/** Whether all are found, one behind the other, whatever is in between. */
export function hasPayloads(data: Buffer, payloads: readonly Buffer[]): boolean {
  let from = 0
  for (const payload of payloads) {
    const at = data.indexOf(payload, from)
    if (at < 0) return false
    from = at + payload.length
  }
  return true
}
