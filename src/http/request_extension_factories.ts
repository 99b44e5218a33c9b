// Contracts of the connection manager's small extensions on a request's head.

import type { HeaderMap } from '../common/header_map.ts'
import type { ExtensionFactory } from '../config/registry.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import type { IpDetection } from './conn_manager/settings.ts'

/** Category `envoy.http.original_ip_detection`. */
export interface OriginalIpDetectionFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.http.original_ip_detection'
  createIpDetection(config: Config, context: ServerContext): IpDetection
}

/** Category `envoy.http.early_header_mutation`. */
export interface EarlyHeaderMutationFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.http.early_header_mutation'
  createEarlyHeaderMutation(config: Config, context: ServerContext): (headers: HeaderMap, info: StreamInfo) => void
}
