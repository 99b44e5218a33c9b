/** What a process tells the kernel about itself: its name in `ps`, its core dumps, its descriptors, whose orphans it takes. */
import { readFileSync } from 'node:fs'
import { checked, libc } from './libc.ts'

const PR_SET_NAME = 15
const PR_SET_CHILD_SUBREAPER = 36
const WNOHANG = 1
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

/** Processes below this one whose parent ends become its children, as those of a machine become the first process's. */
export function adoptOrphans(): void {
  checked(libc.prctlNumber(PR_SET_CHILD_SUBREAPER, 1), 'prctl')
}

/** Takes leave of orphans that have ended; `own` are children whose end somebody else waits for. */
export function reapOrphans(own: ReadonlySet<number>): void {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').split(' ').filter(Boolean)
  for (const pid of children.map(Number)) if (!own.has(pid)) libc.waitpid(pid, new Int32Array(1), WNOHANG)
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
