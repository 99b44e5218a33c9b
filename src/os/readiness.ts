/** Word from the event loop that a raw descriptor can be read. */
import { pollDescriptor } from './libc.ts'

export interface DescriptorWatch {
  /** Stops watching; the descriptor stays open, and must not be closed before this. */
  close(): void
  /** Lets the process end while the watch is open. */
  unref(): void
}

/** Calls `onReadable` whenever `fd` has something to read or its peer is gone, again and again until that is taken. */
export function watchReadable(fd: number, onReadable: () => void): DescriptorWatch {
  return pollDescriptor(fd, onReadable)
}
