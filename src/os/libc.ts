/** The C library calls that Node lacks, bound once, each throwing an Error with Node's own `code` and `syscall` fields. */
import { getSystemErrorName } from 'node:util'
import koffi from 'koffi'

/** An error of a system call, shaped like the ones Node throws: `code` is 'EADDRINUSE' and the like. */
export class SystemCallError extends Error {
  readonly code: string
  readonly errno: number
  readonly syscall: string

  constructor(syscall: string, errno: number, subject?: string) {
    const code = getSystemErrorName(-errno)
    super(`${syscall} ${code}${subject === undefined ? '' : ` ${subject}`}`)
    this.name = 'SystemCallError'
    this.code = code
    this.errno = -errno
    this.syscall = syscall
  }
}

// The process's own symbols hold the C library already, whichever file name glibc or musl gives it.
const library = koffi.load(null)

/** Native calls as declared in C. A negative result leaves the reason in `lastErrno()`. */
export const libc = {
  socket: library.func('int socket(int domain, int type, int protocol)') as (
    domain: number,
    type: number,
    protocol: number,
  ) => number,
  bind: library.func('int bind(int fd, const uint8_t *address, uint32_t length)') as (
    fd: number,
    address: Uint8Array,
    length: number,
  ) => number,
  listen: library.func('int listen(int fd, int backlog)') as (fd: number, backlog: number) => number,
  connect: library.func('int connect(int fd, const uint8_t *address, uint32_t length)') as (
    fd: number,
    address: Uint8Array,
    length: number,
  ) => number,
  accept4: library.func('int accept4(int fd, void *address, void *length, int flags)') as (
    fd: number,
    address: null,
    length: null,
    flags: number,
  ) => number,
  close: library.func('int close(int fd)') as (fd: number) => number,
  getsockname: library.func('int getsockname(int fd, _Out_ uint8_t *address, _Inout_ uint32_t *length)') as (
    fd: number,
    address: Uint8Array,
    length: Uint32Array,
  ) => number,
  setsockopt: library.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)') as (
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: number,
  ) => number,
  getsockopt: library.func(
    'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
  ) as (fd: number, level: number, name: number, value: Uint8Array, length: Uint32Array) => number,
  inetPton: library.func('int inet_pton(int family, const char *text, _Out_ uint8_t *address)') as (
    family: number,
    text: string,
    address: Uint8Array,
  ) => number,
  ifNameToIndex: library.func('unsigned int if_nametoindex(const char *name)') as (name: string) => number,
  memfdCreate: library.func('int memfd_create(const char *name, unsigned int flags)') as (
    name: string,
    flags: number,
  ) => number,
  // The result is read as a number because MAP_FAILED is (void *)-1, which a pointer type would hide.
  mmap: library.func(
    'intptr_t mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
  ) as (
    address: null,
    length: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => number | bigint,
  socketpair: library.func('int socketpair(int domain, int type, int protocol, _Out_ int *fds)') as (
    domain: number,
    type: number,
    protocol: number,
    fds: Int32Array,
  ) => number,
  sendmsg: library.func('int64_t sendmsg(int fd, const uint8_t *message, int flags)') as (
    fd: number,
    message: Uint8Array,
    flags: number,
  ) => number | bigint,
  recvmsg: library.func('int64_t recvmsg(int fd, _Inout_ uint8_t *message, int flags)') as (
    fd: number,
    message: Uint8Array,
    flags: number,
  ) => number | bigint,
  fcntl: library.func('int fcntl(int fd, int command, int argument)') as (
    fd: number,
    command: number,
    argument: number,
  ) => number,
  strerror: library.func('const char *strerror(int number)') as (number: number) => string,
  prctlNumber: library.func('int prctl(int option, unsigned long value)') as (option: number, value: number) => number,
  waitpid: library.func('int waitpid(int pid, _Out_ int *status, int options)') as (
    pid: number,
    status: Int32Array,
    options: number,
  ) => number,
  prctlName: library.func('int prctl(int option, const char *name)') as (option: number, name: string) => number,
  getrlimit: library.func('int getrlimit(int resource, _Out_ uint64_t *limits)') as (
    resource: number,
    limits: BigUint64Array,
  ) => number,
  setrlimit: library.func('int setrlimit(int resource, const uint64_t *limits)') as (
    resource: number,
    limits: BigUint64Array,
  ) => number,
} as const

/** The native errno left by the last failed call. */
export function lastErrno(): number {
  return koffi.errno()
}

/** Returns the result of a call, or throws if it is negative. `subject` names what was worked on, for the message. */
export function checked(result: number, syscall: string, subject?: string): number {
  if (result < 0) throw new SystemCallError(syscall, koffi.errno(), subject)
  return result
}

/** Native address of a buffer's first byte; the caller keeps the buffer reachable while native code uses it. */
export function addressOf(bytes: Uint8Array): bigint {
  return BigInt(koffi.address(bytes))
}

/** The memory at a native address as an ArrayBuffer; it is never freed by the garbage collector. */
export function viewMemory(address: bigint, lengthBytes: number): ArrayBuffer {
  return koffi.view(address, lengthBytes)
}

// koffi stops a watch whose handle is collected as garbage: these are kept until they are closed.
const openPolls = new Set<ReturnType<typeof koffi.node.poll>>()

/** Watches a descriptor for reading on the event loop, level-triggered, until closed. */
export function pollDescriptor(fd: number, onReadable: () => void): { close(): void; unref(): void } {
  const handle = koffi.node.poll(fd, { readable: true, disconnect: true }, () => {
    onReadable()
    // koffi calls outside of Node's own callbacks: what awaits anything of it would go on with the next other event.
    setImmediate(() => {})
  })
  openPolls.add(handle)
  return {
    close() {
      if (openPolls.delete(handle)) handle.close()
    },
    unref: () => handle.unref(),
  }
}
