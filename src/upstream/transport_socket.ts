// The upstream transport sockets' contract: what makes one for each connection, and what a request may ask of it.

import type { Socket } from 'node:net'
import type { TypedConfig } from '../../proto/generated/api.d.ts'
import type { ExtensionFactory } from '../config/registry.ts'
import type { ProxyProtocolData } from '../network/proxy_protocol.ts'
import type { TransportSocket } from '../network/transport_socket.ts'
import type { Scope } from '../stats/store.ts'
import type { UpstreamHostInfo, UpstreamSource } from '../stream_info/stream_info.ts'
import type { ServerContext } from './server_context.ts'

/** What differs by request or downstream connection; absent members leave it to the configuration. */
export interface TransportSocketOptions {
  readonly serverNameOverride?: string | undefined
  /** Names of which the server's certificate must have one. */
  readonly verifySanListOverride?: readonly string[] | undefined
  readonly alpnOverride?: readonly string[] | undefined
  /** For transport sockets that have no protocols of their own. */
  readonly alpnFallback?: readonly string[] | undefined
  readonly proxyProtocol?: ProxyProtocolData | undefined
  /** For the socket below: where the connection comes from. */
  readonly source?: UpstreamSource | undefined
}

/** The host that a transport socket is for. */
export interface TransportHost extends UpstreamHostInfo {
  /** `typed_filter_metadata` of the endpoint. */
  readonly typedMetadata: Readonly<Record<string, TypedConfig>>
}

/** What the connections of a cluster, or of some of its endpoints, are made of. */
export interface UpstreamTransportSocketFactory {
  /** It encrypts: the scheme of what it carries is https. */
  readonly isSecure: boolean
  /** It says of whom the connection is: `proxyProtocol` of the options is wanted. */
  readonly usesProxyProtocol: boolean
  /** Undefined where the connection's bytes are those of `tcpSocket`, which is connecting. */
  wrap(tcpSocket: Socket, host: TransportHost, options: TransportSocketOptions | undefined): TransportSocket | undefined
  /** What keeps the connections for `options` apart from others. */
  hashKey(options: TransportSocketOptions): string
}

/** The cluster that a transport socket is configured for. */
export interface ClusterTransportInfo {
  /** `cluster.<name>.` */
  readonly clusterScope: Scope
  readonly clusterName: string
}

/** Category `envoy.transport_sockets.upstream`. Errors go to `context.errors`, and building goes on. */
export interface UpstreamTransportSocketConfigFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.transport_sockets.upstream'
  createTransportSocketFactory(
    config: Config,
    context: ServerContext & ClusterTransportInfo,
  ): UpstreamTransportSocketFactory
}

/** The key of what every transport socket keeps apart, whether it acts on it or not. */
export function commonHashKey(options: TransportSocketOptions): string {
  const { serverNameOverride, verifySanListOverride, alpnOverride, alpnFallback, source } = options
  const lists = [verifySanListOverride, alpnOverride, alpnFallback].map((list) => list?.join(',') ?? '')
  const from = source === undefined ? '' : `${source.address.text} ${source.mark}`
  return `${serverNameOverride ?? ''}|${lists.join('|')}|${from}`
}

/** Plain bytes: of a cluster that configures no transport socket. */
export const rawBufferUpstream: UpstreamTransportSocketFactory = {
  isSecure: false,
  usesProxyProtocol: false,
  wrap: () => undefined,
  hashKey: commonHashKey,
}
