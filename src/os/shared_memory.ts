/** Memory that several processes see at once: an anonymous file, mapped shared, whose descriptor children inherit. */
import { closeSync, fstatSync, ftruncateSync } from 'node:fs'
import { checked, lastErrno, libc, SystemCallError, viewMemory } from './libc.ts'

const MFD_CLOEXEC = 1
const PROT_READ_WRITE = 3
const MAP_SHARED = 1

/** Mappings begin at multiples of this. */
export const PAGE_BYTES = 4096

/**
 * Makes an anonymous shared file of `lengthBytes`, all zero; only pages that are touched take memory.
 * The descriptor is close-on-exec: a child gets it by naming it in `spawn`'s `stdio` array.
 */
export function createSharedMemory(name: string, lengthBytes: number): number {
  const fd = checked(libc.memfdCreate(name, MFD_CLOEXEC), 'memfd_create', name)
  try {
    ftruncateSync(fd, lengthBytes)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/**
 * Maps part of a shared file; `offsetBytes` is a multiple of PAGE_BYTES. The mapping lives as long as the process.
 * Throws RangeError where the file is shorter: touching what lies beyond its end would kill the process.
 */
export function mapSharedMemory(fd: number, lengthBytes: number, offsetBytes = 0): ArrayBuffer {
  const { size } = fstatSync(fd)
  if (offsetBytes + lengthBytes > size) {
    throw new RangeError(`shared memory has ${size} bytes, asked for ${lengthBytes} at ${offsetBytes}`)
  }
  const address = BigInt(libc.mmap(null, lengthBytes, PROT_READ_WRITE, MAP_SHARED, fd, offsetBytes))
  if (address === -1n) throw new SystemCallError('mmap', lastErrno())
  return viewMemory(address, lengthBytes)
}
