// An address as envoy.config.core.v3.Address prints.

import type { JsonObject } from '../../proto/generated/api.d.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'

export function addressJson(address: AddressInfo): JsonObject {
  if (address.family === 'pipe') return { pipe: { path: address.text } }
  return { socket_address: { address: address.ip, port_value: address.port } }
}
