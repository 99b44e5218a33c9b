// envoy.rbac.matchers.upstream_ip_port: permissions by the host that a forward proxy has found for a request.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { parseIp } from '../../../../common/cidr.ts'
import { readCidrSet } from '../../../../config/cidr_ranges.ts'
import type { RbacMatcherFactory } from '../../../../router/rbac/rbac_matcher.ts'
import type { AddressInfo } from '../../../../stream_info/stream_info.ts'
import { upstreamAddress } from '../../../../upstream/dns_cache/host_key.ts'

type UpstreamIpPortMatcher = envoy.extensions.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher

export const upstreamIpPort: RbacMatcherFactory<UpstreamIpPortMatcher> = {
  category: 'envoy.rbac.matchers',
  name: 'envoy.rbac.matchers.upstream_ip_port',
  typeUrls: ['envoy.extensions.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher'],
  createMatcher(view, errors) {
    const { upstreamIp, upstreamPortRange } = view
    if (upstreamIp === undefined && upstreamPortRange === undefined) {
      const message = 'Invalid UpstreamIpPortMatcher configuration - missing `upstream_ip` and/or `upstream_port_range`'
      errors.add(view, undefined, message)
    }
    const range = upstreamIp === undefined ? undefined : readCidrSet([upstreamIp], errors)
    return ({ streamInfo }) => {
      const state = streamInfo.filterStateObject(upstreamAddress) as { readonly address: AddressInfo } | undefined
      if (state === undefined) return false
      const { ip, port } = state.address
      const address = parseIp(ip)
      if (range !== undefined && (address === undefined || !range.contains(address))) return false
      // Both ends belong to the range, unlike those of other ranges.
      return upstreamPortRange === undefined || (port >= upstreamPortRange.start && port <= upstreamPortRange.end)
    }
  },
}
