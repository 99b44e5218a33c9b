// The connection manager's small extensions on a request's head: original IP detection, early header mutation.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HeaderMap } from '../../../../common/header_map.ts'
import type { IpDetection } from '../../../../http/conn_manager/settings.ts'
import { xffDetection } from '../../../../http/conn_manager/xff.ts'
import type {
  EarlyHeaderMutationFactory,
  OriginalIpDetectionFactory,
} from '../../../../http/request_extension_factories.ts'
import type { StreamInfo } from '../../../../stream_info/stream_info.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'

type HttpConnectionManager = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
type TypedExtensionConfig = envoy.config.core.v3.TypedExtensionConfig

/** The configured detections in order, the first that finds an address wins; by default x-forwarded-for. */
export function buildIpDetection(config: HttpConnectionManager, context: ServerContext): IpDetection {
  const extensions = config.originalIpDetectionExtensions
  if (extensions.length === 0) {
    const hops = config.useRemoteAddress === true ? config.xffNumTrustedHops - 1 : config.xffNumTrustedHops
    return xffDetection(Math.max(0, hops), undefined, true)
  }
  if (config.useRemoteAddress === true)
    context.errors.add(
      config,
      'originalIpDetectionExtensions',
      'Original IP detection extensions and use_remote_address may not be mixed',
    )
  if (config.xffNumTrustedHops > 0)
    context.errors.add(
      config,
      'originalIpDetectionExtensions',
      'Original IP detection extensions and xff_num_trusted_hops may not be mixed',
    )
  const detections = extensions.flatMap((extension) => {
    const category = 'envoy.http.original_ip_detection'
    const factory = context.registry.lookup<OriginalIpDetectionFactory>(category, extension, context.errors)
    return factory === undefined ? [] : [factory.createIpDetection(extension.typedConfig?.value, context)]
  })
  return (headers, remoteAddress) => {
    let skipXffAppend = true
    for (const detect of detections) {
      const found = detect(headers, remoteAddress)
      if ('rejectStatus' in found || found.address !== undefined) return found
      skipXffAppend = found.skipXffAppend
    }
    return { address: undefined, trusted: false, skipXffAppend }
  }
}

export function buildEarlyHeaderMutation(
  extensions: readonly TypedExtensionConfig[],
  context: ServerContext,
): ((headers: HeaderMap, info: StreamInfo) => void) | undefined {
  const mutations = extensions.flatMap((extension) => {
    const category = 'envoy.http.early_header_mutation'
    const factory = context.registry.lookup<EarlyHeaderMutationFactory>(category, extension, context.errors)
    return factory === undefined ? [] : [factory.createEarlyHeaderMutation(extension.typedConfig?.value, context)]
  })
  if (mutations.length === 0) return undefined
  return (headers, info) => {
    for (const mutate of mutations) mutate(headers, info)
  }
}
