// The transport socket of filter chains that configure none: plain bytes.

import type { DownstreamTransportSocketFactory } from './factory.ts'

export const rawBufferSocketFactory: DownstreamTransportSocketFactory = {
  transportProtocol: 'raw_buffer',
  wrap: () => undefined,
}
