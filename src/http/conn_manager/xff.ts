// Finds the client's address in x-forwarded-for.

import { type CidrSet, parseIp } from '../../common/cidr.ts'
import { KnownHeader } from '../../common/header_map.ts'
import { ipAddress } from '../../network/address.ts'
import type { AddressInfo } from '../../stream_info/stream_info.ts'
import type { IpDetection } from './settings.ts'

const none = { address: undefined, trusted: false, skipXffAppend: true } as const

/**
 * The address before `trustedHops` proxies, counted from the right; or, with `trustedRanges`, the rightmost address that
 * is not in them. A list with one address only is proof of an internal caller (`trusted`).
 */
export function xffDetection(
  trustedHops: number,
  trustedRanges: CidrSet | undefined,
  skipXffAppend: boolean,
): IpDetection {
  return (headers, remoteAddress) => {
    if ((headers.known & KnownHeader.xForwardedFor) === 0) return { ...none, skipXffAppend }
    const hops = headers.getAll('x-forwarded-for').join(',').split(',')
    const found =
      trustedRanges === undefined
        ? hops[hops.length - 1 - trustedHops]
        : lastUntrusted(hops, remoteAddress, trustedRanges)
    const address = found === undefined ? undefined : addressOf(found.trim())
    return { address, trusted: hops.length === 1 && address !== undefined, skipXffAppend }
  }
}

function lastUntrusted(hops: readonly string[], remoteAddress: AddressInfo, trusted: CidrSet): string | undefined {
  const remote = parseIp(remoteAddress.ip)
  if (remote === undefined || !trusted.contains(remote)) return undefined
  for (let i = hops.length - 1; i >= 0; i--) {
    const ip = parseIp(hops[i].trim())
    if (ip === undefined) return undefined
    if (!trusted.contains(ip) || i === 0) return hops[i]
  }
  return undefined
}

function addressOf(text: string): AddressInfo | undefined {
  return parseIp(text) === undefined ? undefined : ipAddress(text, 0)
}
