/** Open descriptors handed from process to process over a unix socket (SCM_RIGHTS), each call synchronous and non-blocking. */
import { addressOf, checked, lastErrno, libc, SystemCallError } from './libc.ts'
import { AF_UNIX, encodeSocketAddress } from './socket_address.ts'

const SOCK_SEQPACKET = 5
const SOCK_CLOEXEC = 0o2000000
const SOCK_NONBLOCK = 0o4000
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_CTRUNC = 0x8
const MSG_TRUNC = 0x20
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x40000000
const EAGAIN = 11
const EINTR = 4
const EMSGSIZE = 90
const ECONNRESET = 104
const ECONNREFUSED = 111

const MSGHDR_BYTES = 56
const CMSGHDR_BYTES = 16
/** The kernel takes no more in one message. */
export const DESCRIPTORS_PER_MESSAGE_LIMIT = 253
const CHANNEL_BACKLOG = 16
/** Longest message `receiveDescriptors` takes unless told otherwise. */
const MESSAGE_LIMIT_BYTES = 65_536

export interface DescriptorMessage {
  readonly data: Buffer
  /** Now owned by this process, close-on-exec. */
  readonly descriptors: readonly number[]
}

/** Two connected sockets that keep message boundaries, close-on-exec and non-blocking. */
export function createDescriptorChannel(): [number, number] {
  const fds = new Int32Array(2)
  checked(libc.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 'socketpair')
  return [fds[0], fds[1]]
}

/**
 * A socket of the abstract namespace at which others ask for a channel: `acceptDescriptorChannel` takes them.
 * Throws EADDRINUSE where a process holds the name.
 */
export function listenForDescriptorChannels(name: string): number {
  const fd = openChannelSocket()
  try {
    const address = encodeSocketAddress({ family: 'pipe', path: `@${name}` })
    checked(libc.bind(fd, address, address.length), 'bind', name)
    checked(libc.listen(fd, CHANNEL_BACKLOG), 'listen', name)
    return fd
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

/** Undefined if nobody waits. */
export function acceptDescriptorChannel(fd: number): number | undefined {
  const accepted = libc.accept4(fd, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK)
  return accepted < 0 ? undefined : accepted
}

/** Undefined where no process listens at that name. */
export function connectDescriptorChannel(name: string): number | undefined {
  const fd = openChannelSocket()
  const address = encodeSocketAddress({ family: 'pipe', path: `@${name}` })
  if (libc.connect(fd, address, address.length) === 0) return fd
  const errno = lastErrno()
  libc.close(fd)
  if (errno === ECONNREFUSED) return undefined
  throw new SystemCallError('connect', errno, name)
}

function openChannelSocket(): number {
  return checked(libc.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), 'socket')
}

/**
 * Sends one message with copies of `descriptors`; this process keeps its own open. `data` must not be empty: an empty
 * message reads as the end of the channel. Returns false if the channel is full now. Throws EPIPE when the peer is gone.
 */
export function sendDescriptors(fd: number, data: Uint8Array, descriptors: readonly number[] = []): boolean {
  if (data.length === 0) throw new RangeError('a descriptor message needs at least one byte of data')
  if (descriptors.length > DESCRIPTORS_PER_MESSAGE_LIMIT) {
    throw new RangeError(
      `${descriptors.length} descriptors exceed the limit of ${DESCRIPTORS_PER_MESSAGE_LIMIT} a message`,
    )
  }
  const control = encodeControl(descriptors)
  const message = new MessageHeader(data, control)
  for (;;) {
    const sent = Number(libc.sendmsg(fd, message.bytes, MSG_DONTWAIT | MSG_NOSIGNAL))
    if (sent >= 0) return true
    const errno = lastErrno()
    if (errno === EAGAIN) return false
    if (errno !== EINTR) throw new SystemCallError('sendmsg', errno)
  }
}

/**
 * Takes one message; undefined if none is waiting, 'closed' when the peer is gone.
 * Throws EMSGSIZE, with nothing left open, for a message that is longer than `limitBytes` or brings too many descriptors.
 */
export function receiveDescriptors(
  fd: number,
  limitBytes = MESSAGE_LIMIT_BYTES,
): DescriptorMessage | 'closed' | undefined {
  const data = Buffer.alloc(limitBytes)
  const control = Buffer.alloc(CMSGHDR_BYTES + DESCRIPTORS_PER_MESSAGE_LIMIT * 4 + 4)
  const message = new MessageHeader(data, control)
  for (;;) {
    const received = Number(libc.recvmsg(fd, message.bytes, MSG_DONTWAIT | MSG_CMSG_CLOEXEC))
    if (received > 0) return takeMessage(message, data.subarray(0, received), control)
    if (received === 0) return 'closed'
    const errno = lastErrno()
    if (errno === EAGAIN) return undefined
    if (errno === ECONNRESET) return 'closed'
    if (errno !== EINTR) throw new SystemCallError('recvmsg', errno)
  }
}

function takeMessage(message: MessageHeader, data: Buffer, control: Buffer): DescriptorMessage {
  const descriptors = decodeControl(control.subarray(0, message.controlLength()))
  if ((message.flags() & (MSG_TRUNC | MSG_CTRUNC)) !== 0) {
    for (const descriptor of descriptors) libc.close(descriptor)
    throw new SystemCallError('recvmsg', EMSGSIZE)
  }
  return { data, descriptors }
}

/** `struct msghdr` of a 64-bit Linux with one `struct iovec`; it keeps what it points to reachable. */
class MessageHeader {
  readonly bytes = Buffer.alloc(MSGHDR_BYTES)
  readonly #vector = Buffer.alloc(16)
  readonly data: Uint8Array
  readonly control: Buffer

  constructor(data: Uint8Array, control: Buffer) {
    this.data = data
    this.control = control
    this.#vector.writeBigUInt64LE(addressOf(data), 0)
    this.#vector.writeBigUInt64LE(BigInt(data.length), 8)
    this.bytes.writeBigUInt64LE(addressOf(this.#vector), 16)
    this.bytes.writeBigUInt64LE(1n, 24)
    if (control.length === 0) return
    this.bytes.writeBigUInt64LE(addressOf(control), 32)
    this.bytes.writeBigUInt64LE(BigInt(control.length), 40)
  }

  controlLength(): number {
    return Number(this.bytes.readBigUInt64LE(40))
  }

  flags(): number {
    return this.bytes.readInt32LE(48)
  }
}

function encodeControl(descriptors: readonly number[]): Buffer {
  if (descriptors.length === 0) return Buffer.alloc(0)
  const length = CMSGHDR_BYTES + descriptors.length * 4
  // The kernel wants the room rounded up to 8 bytes and the length not.
  const control = Buffer.alloc(Math.ceil(length / 8) * 8)
  control.writeBigUInt64LE(BigInt(length), 0)
  control.writeInt32LE(SOL_SOCKET, 8)
  control.writeInt32LE(SCM_RIGHTS, 12)
  for (const [i, descriptor] of descriptors.entries()) control.writeInt32LE(descriptor, CMSGHDR_BYTES + i * 4)
  return control
}

function decodeControl(control: Buffer): number[] {
  const descriptors: number[] = []
  for (let start = 0; start + CMSGHDR_BYTES <= control.length; ) {
    const length = Number(control.readBigUInt64LE(start))
    if (length < CMSGHDR_BYTES) break
    const isRights = control.readInt32LE(start + 8) === SOL_SOCKET && control.readInt32LE(start + 12) === SCM_RIGHTS
    const end = Math.min(start + length, control.length)
    for (let at = start + CMSGHDR_BYTES; isRights && at + 4 <= end; at += 4) descriptors.push(control.readInt32LE(at))
    start += Math.ceil(length / 8) * 8
  }
  return descriptors
}
