// Who this proxy is: the bootstrap's node with the command line's say, and the machine's own address.

import { networkInterfaces } from 'node:os'
import type { Bootstrap } from '../config/load.ts'
import type { LocalInfo } from '../upstream/server_context.ts'
import type { Options } from './options.ts'

export function localInfo(bootstrap: Bootstrap, options: Options): LocalInfo {
  const { node } = bootstrap
  return {
    nodeId: options.serviceNode || (node?.id ?? ''),
    clusterName: options.serviceCluster || (node?.cluster ?? ''),
    zone: options.serviceZone || (node?.locality?.zone ?? ''),
    region: node?.locality?.region ?? '',
    subZone: node?.locality?.subZone ?? '',
    nodeMetadata: node?.metadata ?? {},
    address: machineAddress(options.localAddressIpVersion),
  }
}

/** The first address of the family that is not loopback; loopback where there is none. */
function machineAddress(version: 'v4' | 'v6'): string {
  const family = version === 'v4' ? 'IPv4' : 'IPv6'
  for (const addresses of Object.values(networkInterfaces())) {
    for (const address of addresses ?? []) {
      const linkLocal = address.address.startsWith('fe80:')
      if (address.family === family && !address.internal && !linkLocal) return address.address
    }
  }
  return version === 'v4' ? '127.0.0.1' : '::1'
}
