// envoy.http.original_ip_detection.xff: the client's address from x-forwarded-for.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { readCidrSet } from '../../../../config/cidr_ranges.ts'
import { xffDetection } from '../../../../http/conn_manager/xff.ts'
import type { OriginalIpDetectionFactory } from '../../../../http/request_extension_factories.ts'

type XffConfig = envoy.extensions.http.original_ip_detection.xff.v3.XffConfig

export const xffIpDetection: OriginalIpDetectionFactory<XffConfig> = {
  category: 'envoy.http.original_ip_detection',
  name: 'envoy.http.original_ip_detection.xff',
  typeUrls: ['envoy.extensions.http.original_ip_detection.xff.v3.XffConfig'],
  createIpDetection(config, context) {
    if (config.xffTrustedCidrs !== undefined && config.xffNumTrustedHops > 0)
      context.errors.add(config, 'xffTrustedCidrs', 'Cannot set both xff_num_trusted_hops and xff_trusted_cidrs')
    const ranges = config.xffTrustedCidrs?.cidrs
    return xffDetection(
      config.xffNumTrustedHops,
      ranges === undefined ? undefined : readCidrSet(ranges, context.errors),
      config.skipXffAppend ?? true,
    )
  },
}
