/** What a process tells the kernel about itself: its name in `ps`, its core dumps, how many descriptors it may open. */
import { checked, libc } from './libc.ts'

const PR_SET_NAME = 15
const RLIMIT_CORE = 4
const RLIMIT_NOFILE = 7

export interface ResourceLimit {
  readonly soft: bigint
  readonly hard: bigint
}

/** Names the calling thread, the main one: what `ps -o comm` shows. The kernel keeps 15 bytes. */
export function setProcessName(name: string): void {
  checked(libc.prctlName(PR_SET_NAME, name), 'prctl', name)
}

/** Lets a crash write a core file as large as the hard limit allows (Envoy's `--enable-core-dump`). */
export function enableCoreDump(): void {
  const { hard } = resourceLimit(RLIMIT_CORE)
  setResourceLimit(RLIMIT_CORE, { soft: hard, hard })
}

/** Limits of open descriptors of this process. */
export function descriptorLimit(): ResourceLimit {
  return resourceLimit(RLIMIT_NOFILE)
}

/** Changes how many descriptors this process and its later children may open. */
export function setDescriptorLimit(limit: ResourceLimit): void {
  setResourceLimit(RLIMIT_NOFILE, limit)
}

function resourceLimit(resource: number): ResourceLimit {
  const limits = new BigUint64Array(2)
  checked(libc.getrlimit(resource, limits), 'getrlimit')
  return { soft: limits[0], hard: limits[1] }
}

function setResourceLimit(resource: number, limit: ResourceLimit): void {
  checked(libc.setrlimit(resource, BigUint64Array.of(limit.soft, limit.hard)), 'setrlimit')
}
