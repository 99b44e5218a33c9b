// envoy.transport_sockets.raw_buffer: the connection's bytes are the socket's, as they are.

import type { DownstreamTransportSocketConfigFactory } from '../../../network/factory.ts'
import { rawBufferSocketFactory } from '../../../network/raw_buffer_socket.ts'
import { rawBufferUpstream, type UpstreamTransportSocketConfigFactory } from '../../../upstream/transport_socket.ts'

const typeUrls = ['envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer']

export const rawBufferDownstreamFactory: DownstreamTransportSocketConfigFactory = {
  category: 'envoy.transport_sockets.downstream',
  name: 'envoy.transport_sockets.raw_buffer',
  typeUrls,
  createTransportSocketFactory: () => rawBufferSocketFactory,
}

export const rawBufferUpstreamFactory: UpstreamTransportSocketConfigFactory = {
  category: 'envoy.transport_sockets.upstream',
  name: 'envoy.transport_sockets.raw_buffer',
  typeUrls,
  createTransportSocketFactory: () => rawBufferUpstream,
}
