// Addresses: from configuration, from sockets, and in the forms that connecting and binding want.

import type { NetConnectOpts, Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { envoy } from '../../proto/generated/api.d.ts'
import { formatIp, parseIp } from '../common/cidr.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { SocketAddress as NativeAddress } from '../os/socket_address.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'

type Address = envoy.config.core.v3.Address
type SocketAddress = envoy.config.core.v3.SocketAddress
type Pipe = envoy.config.core.v3.Pipe

/** Longest pipe path in bytes, as Envoy counts: `sun_path` without its closing zero. */
const pipePathLimitBytes = 107

/** `ip` in canonical form. */
export function ipAddress(ip: string, port: number): AddressInfo {
  const ipv6 = ip.includes(':')
  return { text: ipv6 ? `[${ip}]:${port}` : `${ip}:${port}`, ip, port, family: ipv6 ? 'ipv6' : 'ipv4' }
}

/** A path, or with a leading '@' a name of Linux's abstract namespace. */
export function pipeAddress(path: string): AddressInfo {
  return { text: path, ip: '', port: 0, family: 'pipe' }
}

/**
 * The address of a view; undefined after reporting why it is none. `owner` and `field` tell where the view stands, for
 * an address that is missing. Hostnames are refused, as Envoy does wherever no name resolution is asked for.
 */
export function resolveAddress(
  view: Address | undefined,
  owner: object,
  field: string,
  errors: ConfigErrors,
): AddressInfo | undefined {
  if (view?.address === 'socketAddress' && view.socketAddress !== undefined) {
    return resolveSocketAddress(view.socketAddress, errors)
  }
  if (view?.address === 'pipe' && view.pipe !== undefined) return resolvePipe(view.pipe, errors)
  if (view?.address === 'envoyInternalAddress') {
    errors.add(view, 'envoyInternalAddress', 'internal addresses are not supported')
    return undefined
  }
  errors.add(owner, field, 'address is necessary')
  return undefined
}

/** As `resolveAddress`, of a `socket_address`. */
export function resolveSocketAddress(view: SocketAddress, errors: ConfigErrors): AddressInfo | undefined {
  const parsed = parseIp(view.address)
  if (view.resolverName !== '') {
    errors.add(view, 'resolverName', `Unknown address resolver: ${view.resolverName}`)
    return undefined
  }
  if (view.portSpecifier === 'namedPort') {
    errors.add(view, 'namedPort', 'a named port needs a resolver that knows it; IP addresses take port_value')
    return undefined
  }
  if (parsed === undefined) {
    errors.add(view, 'address', `malformed IP address: ${view.address}`, { expected: 'an IPv4 or IPv6 address' })
    return undefined
  }
  if (view.networkNamespaceFilepath !== '') {
    errors.add(view, 'networkNamespaceFilepath', 'network namespaces are not supported')
    return undefined
  }
  const ip = formatIp(parsed)
  if (view.ipv4Compat && !(ip === '::' || ip.startsWith('::ffff:'))) {
    errors.add(
      view,
      'ipv4Compat',
      `Only IPv6 address '::' or valid IPv4-mapped IPv6 address can set ipv4_compat: ${ipAddress(ip, view.portValue ?? 0).text}`,
    )
    return undefined
  }
  const zone = view.address.indexOf('%')
  return ipAddress(zone < 0 ? ip : ip + view.address.slice(zone), view.portValue ?? 0)
}

function resolvePipe(view: Pipe, errors: ConfigErrors): AddressInfo | undefined {
  if (Buffer.byteLength(view.path) > pipePathLimitBytes) {
    errors.add(view, 'path', `Path "${view.path}" exceeds maximum UNIX domain socket path size of 108.`)
    return undefined
  }
  if (view.path.startsWith('@') && view.mode !== 0) {
    errors.add(view, 'mode', 'Cannot set mode for Abstract AF_UNIX sockets')
    return undefined
  }
  return pipeAddress(view.path)
}

/** The address as src/os takes it. */
export function nativeAddress(address: AddressInfo): NativeAddress {
  if (address.family === 'pipe') return { family: 'pipe', path: address.text }
  return { family: address.family, address: address.ip, port: address.port }
}

export function addressOfNative(address: NativeAddress): AddressInfo {
  return address.family === 'pipe' ? pipeAddress(address.path) : ipAddress(address.address, address.port)
}

/** What `net.connect` takes to reach the address. */
export function connectOptions(address: AddressInfo): NetConnectOpts {
  if (address.family !== 'pipe') return { host: address.ip, port: address.port }
  // Node spells the abstract namespace as the kernel does, by a leading zero byte.
  return { path: address.text.startsWith('@') ? `\0${address.text.slice(1)}` : address.text }
}

/** Whether a listener on it is reached by other local addresses than its own text. */
export function isWildcard(address: AddressInfo): boolean {
  return address.ip === '0.0.0.0' || address.ip === '::'
}

/** Whether connections to it end here, as far as the addresses of devices tell. Asks the kernel. */
export function isOfThisMachine({ ip }: AddressInfo): boolean {
  if (ip.startsWith('127.')) return true
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === ip))
}

/** Whether it is an IPv4 address in IPv6's clothes, whose connections are IPv4's. */
export function isMapped(address: AddressInfo): boolean {
  return address.ip.startsWith('::ffff:') && address.ip.includes('.')
}

/** The peer of a TCP socket; undefined if it is gone already, or for a pipe. */
export function remoteAddressOf(socket: Socket): AddressInfo | undefined {
  const ip = socket.remoteAddress
  return ip === undefined || ip === '' ? undefined : ipAddress(withoutMapping(ip), socket.remotePort ?? 0)
}

/** The socket's own end, as above. */
export function localAddressOf(socket: Socket): AddressInfo | undefined {
  const ip = socket.localAddress
  return ip === undefined || ip === '' ? undefined : ipAddress(withoutMapping(ip), socket.localPort ?? 0)
}

/** An IPv4 peer of a dual-stack socket is an IPv4 peer. */
function withoutMapping(ip: string): string {
  return ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice(7) : ip
}
