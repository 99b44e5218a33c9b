/** Sockets made by hand, with the options Node does not offer: listening ones, and ones to connect from. */
import { chmodSync, unlinkSync } from 'node:fs'
import { checked, lastErrno, libc, SystemCallError } from './libc.ts'
import {
  addressFamilyNumber,
  decodeSocketAddress,
  encodeSocketAddress,
  type Ipv4Address,
  type Ipv6Address,
  SOCKADDR_LIMIT_BYTES,
  type SocketAddress,
} from './socket_address.ts'

const F_DUPFD_CLOEXEC = 1030
const SOCK_STREAM = 1
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_REUSEPORT = 15
const SO_MARK = 36
const IPPROTO_IP = 0
const IP_FREEBIND = 15
const IP_TRANSPARENT = 19
const IP_BIND_ADDRESS_NO_PORT = 24
const IPPROTO_TCP = 6
const TCP_DEFER_ACCEPT = 9
const TCP_FASTOPEN = 23
/** linux/tcp.h: struct tcp_info up to and with tcpi_rtt. */
const TCP_INFO = 11
const TCP_INFO_RTT_OFFSET = 68
const TCP_INFO_BYTES = 72
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const IPV6_TRANSPARENT = 75
const IPV6_FREEBIND = 78
const SO_ORIGINAL_DST = 80
/** The kernel cuts it to net.core.somaxconn. */
const LONGEST_BACKLOG = 0x7fffffff
const ENOENT = 2
const ENOTCONN = 107
const ENOPROTOOPT = 92
const EOPNOTSUPP = 95

/** Numbers of the options that code outside this folder sets by name. */
export const SOCKET_OPTION = {
  SOL_SOCKET,
  SO_MARK,
  IPPROTO_IP,
  IPPROTO_TCP,
  IPPROTO_IPV6,
  TCP_DEFER_ACCEPT,
  TCP_FASTOPEN,
} as const

/** When Envoy applies an option: before bind, after bind, or once listening. */
export type SocketState = 'STATE_PREBIND' | 'STATE_BOUND' | 'STATE_LISTENING'

/** envoy.config.core.v3.SocketOption in plain form: level and name are the platform's numbers. */
export interface SocketOption {
  readonly level: number
  readonly name: number
  readonly value: number | Uint8Array
  readonly state: SocketState
}

export interface ListenSocketOptions {
  /** Let several sockets listen on one address; the kernel spreads connections over them. Default false. */
  readonly reusePort?: boolean
  /** On an IPv6 wildcard address, take IPv4 connections too (`ipv4_compat`). Default false: IPV6_V6ONLY is set. */
  readonly ipv4Compat?: boolean
  readonly freebind?: boolean
  readonly transparent?: boolean
  /** Length of the accept queue. Default: what net.core.somaxconn allows, as Envoy's `tcp_backlog_size`. */
  readonly backlog?: number
  /** Permission bits of a pipe's file; 0 or undefined leaves what umask gives. */
  readonly pipeMode?: number
  readonly options?: readonly SocketOption[]
  /** False leaves the socket bound and not listening: `listenOn` starts it later. Default true. */
  readonly listen?: boolean
}

export interface BoundSocket {
  /** Close-on-exec and non-blocking. The owner closes it with `closeFd`. */
  readonly fd: number
  /** What the kernel bound: the port is the real one where 0 was asked. */
  readonly localAddress: SocketAddress
}

/**
 * Makes a stream socket bound to `address` and, unless told otherwise, listening.
 * A pipe's path that is left over from an earlier process is removed first, as Envoy does.
 * Throws SystemCallError (EADDRINUSE, EACCES, EADDRNOTAVAIL, ...); nothing stays open then.
 */
export function createListenSocket(address: SocketAddress, options: ListenSocketOptions = {}): BoundSocket {
  const subject = describeAddress(address)
  const fd = openStreamSocket(address, subject)
  try {
    if (address.family !== 'pipe') {
      setIntOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
      if (options.reusePort) setIntOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)
    }
    if (address.family === 'ipv6') setIntOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.ipv4Compat ? 0 : 1)
    setBindOptions(fd, address, options)
    applySocketOptions(fd, options.options ?? [], 'STATE_PREBIND')
    bindTo(fd, address, subject, options.pipeMode)
    applySocketOptions(fd, options.options ?? [], 'STATE_BOUND')
    if (options.listen !== false) listenOn(fd, options.backlog, options.options)
    return { fd, localAddress: localAddressOf(fd) ?? address }
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

/** Puts a bound socket into listening state, then applies its STATE_LISTENING options. */
export function listenOn(fd: number, backlog = LONGEST_BACKLOG, options: readonly SocketOption[] = []): void {
  checked(libc.listen(fd, backlog), 'listen')
  applySocketOptions(fd, options, 'STATE_LISTENING')
}

export interface ConnectSocketOptions {
  /** Local address to connect from; a port of 0 lets the kernel choose one. */
  readonly localAddress?: SocketAddress
  readonly freebind?: boolean
  readonly transparent?: boolean
  readonly options?: readonly SocketOption[]
}

/**
 * Makes a stream socket to connect to `remote`, with its options set and its local address bound, not yet connecting:
 * `new net.Socket({ fd }).connect(...)` takes it from there.
 */
export function createConnectSocket(remote: SocketAddress, options: ConnectSocketOptions): number {
  const fd = openStreamSocket(remote, describeAddress(remote))
  try {
    const { localAddress } = options
    applySocketOptions(fd, options.options ?? [], 'STATE_PREBIND')
    setBindOptions(fd, localAddress ?? remote, options)
    if (localAddress !== undefined) {
      // The port is chosen when it connects, so that one address has as many for each remote address as there are.
      if (localAddress.family !== 'pipe' && localAddress.port === 0)
        setIntOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
      else setIntOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
      bindTo(fd, localAddress, describeAddress(localAddress), undefined)
      applySocketOptions(fd, options.options ?? [], 'STATE_BOUND')
    }
    return fd
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

/** Sets those of the options whose time is `state`; throws on the first the kernel refuses. */
export function applySocketOptions(fd: number, options: readonly SocketOption[], state: SocketState): void {
  for (const option of options) {
    if (option.state !== state) continue
    if (typeof option.value === 'number') setIntOption(fd, option.level, option.name, option.value)
    else setBytesOption(fd, option.level, option.name, option.value)
  }
}

export function setIntOption(fd: number, level: number, name: number, value: number): void {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, true)
  setBytesOption(fd, level, name, bytes)
}

export function getIntOption(fd: number, level: number, name: number): number {
  const bytes = new Uint8Array(4)
  checked(libc.getsockopt(fd, level, name, bytes, Uint32Array.of(4)), 'getsockopt', `level ${level} name ${name}`)
  return new DataView(bytes.buffer).getInt32(0, true)
}

/** The kernel's estimate of a TCP connection's round trip, in microseconds; undefined for what is no TCP socket. */
export function roundTripTimeUs(fd: number): number | undefined {
  const bytes = new Uint8Array(TCP_INFO_BYTES)
  if (libc.getsockopt(fd, IPPROTO_TCP, TCP_INFO, bytes, Uint32Array.of(bytes.length)) < 0) return undefined
  return new DataView(bytes.buffer).getUint32(TCP_INFO_RTT_OFFSET, true)
}

/** The address a socket is bound to; undefined for a family other than IP and unix. */
export function localAddressOf(fd: number): SocketAddress | undefined {
  const bytes = new Uint8Array(SOCKADDR_LIMIT_BYTES)
  const length = Uint32Array.of(bytes.length)
  checked(libc.getsockname(fd, bytes, length), 'getsockname')
  return decodeSocketAddress(bytes, length[0])
}

/**
 * Where a connection was going before netfilter's REDIRECT sent it here; undefined for one that was not redirected.
 * `family` is that of the peer: for an IPv4 peer of a dual-stack IPv6 socket it is 'ipv4'.
 */
export function getOriginalDst(fd: number, family: 'ipv4' | 'ipv6'): Ipv4Address | Ipv6Address | undefined {
  const bytes = new Uint8Array(SOCKADDR_LIMIT_BYTES)
  const level = family === 'ipv4' ? IPPROTO_IP : IPPROTO_IPV6
  if (libc.getsockopt(fd, level, SO_ORIGINAL_DST, bytes, Uint32Array.of(bytes.length)) < 0) {
    const errno = lastErrno()
    // No such entry in the connection table, no connection tracking in this kernel at all, or a socket of another family.
    if ([ENOENT, ENOPROTOOPT, EOPNOTSUPP, ENOTCONN].includes(errno)) return undefined
    throw new SystemCallError('getsockopt', errno, 'SO_ORIGINAL_DST')
  }
  const address = decodeSocketAddress(bytes, bytes.length)
  return address === undefined || address.family === 'pipe' ? undefined : address
}

/**
 * Whether the kernel gives the socket connections that were going elsewhere (TPROXY): accepted ones have it of their
 * listener. False for a socket of another family.
 */
export function isTransparent(fd: number, family: 'ipv4' | 'ipv6'): boolean {
  const value = new Uint8Array(4)
  const [level, name] = family === 'ipv4' ? [IPPROTO_IP, IP_TRANSPARENT] : [IPPROTO_IPV6, IPV6_TRANSPARENT]
  return libc.getsockopt(fd, level, name, value, Uint32Array.of(value.length)) === 0 && value[0] !== 0
}

/** Another descriptor of the same file; not inherited by programs that are started. */
export function duplicateFd(fd: number): number {
  return checked(libc.fcntl(fd, F_DUPFD_CLOEXEC, 0), 'fcntl', String(fd))
}

export function closeFd(fd: number): void {
  checked(libc.close(fd), 'close', String(fd))
}

function openStreamSocket(address: SocketAddress, subject: string): number {
  return checked(
    libc.socket(addressFamilyNumber(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
    'socket',
    subject,
  )
}

function setBindOptions(
  fd: number,
  address: SocketAddress,
  options: { readonly freebind?: boolean; readonly transparent?: boolean },
): void {
  if (address.family === 'pipe') return
  const ipv6 = address.family === 'ipv6'
  if (options.transparent !== undefined) {
    if (ipv6) setIntOption(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, options.transparent ? 1 : 0)
    else setIntOption(fd, IPPROTO_IP, IP_TRANSPARENT, options.transparent ? 1 : 0)
  }
  if (options.freebind !== undefined) {
    if (ipv6) setIntOption(fd, IPPROTO_IPV6, IPV6_FREEBIND, options.freebind ? 1 : 0)
    else setIntOption(fd, IPPROTO_IP, IP_FREEBIND, options.freebind ? 1 : 0)
  }
}

function bindTo(fd: number, address: SocketAddress, subject: string, pipeMode: number | undefined): void {
  const bytes = encodeSocketAddress(address)
  const isFile = address.family === 'pipe' && !address.path.startsWith('@')
  if (isFile) removeStalePipe(address.path)
  checked(libc.bind(fd, bytes, bytes.length), 'bind', subject)
  if (isFile && pipeMode) chmodSync(address.path, pipeMode)
}

function removeStalePipe(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function setBytesOption(fd: number, level: number, name: number, value: Uint8Array): void {
  checked(libc.setsockopt(fd, level, name, value, value.length), 'setsockopt', `level ${level} name ${name}`)
}

/** `127.0.0.1:80`, `[::1]:80` or a pipe's path: Envoy's own form. */
export function describeAddress(address: SocketAddress): string {
  if (address.family === 'pipe') return address.path
  return address.family === 'ipv4' ? `${address.address}:${address.port}` : `[${address.address}]:${address.port}`
}

/** What the C library says of an error number, of either sign. */
export function errorText(errno: number): string {
  return libc.strerror(Math.abs(errno))
}
