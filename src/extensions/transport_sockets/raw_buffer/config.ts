// envoy.transport_sockets.raw_buffer: the connection's bytes are the socket's, as they are.

import type { DownstreamTransportSocketConfigFactory } from '../../../network/factory.ts'
import { rawBufferSocketFactory } from '../../../network/raw_buffer_socket.ts'

export const rawBufferDownstreamFactory: DownstreamTransportSocketConfigFactory = {
  category: 'envoy.transport_sockets.downstream',
  name: 'envoy.transport_sockets.raw_buffer',
  typeUrls: ['envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'],
  createTransportSocketFactory: () => rawBufferSocketFactory,
}
