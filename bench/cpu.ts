// What a process and all below it have used: CPU time and memory, read from /proc.

import { readdirSync, readFileSync } from 'node:fs'

const clockTicksPerSecond = 100

/** The process and all its descendants. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = statFields(Number(entry))?.[1]
    if (parent === undefined) continue
    const known = children.get(Number(parent))
    if (known === undefined) children.set(Number(parent), [Number(entry)])
    else known.push(Number(entry))
  }
  const found = [pid]
  for (const each of found) found.push(...(children.get(each) ?? []))
  return found
}

/** User and system time of the living processes of the tree, in seconds; resolution 10 ms. */
export function cpuSeconds(pid: number): number {
  let ticks = 0
  for (const each of processTree(pid)) {
    const fields = statFields(each)
    if (fields !== undefined) ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / clockTicksPerSecond
}

/** Proportional set size of the tree: memory shared by several of its processes counts once. */
export function memoryBytes(pid: number): number {
  let kibibytes = 0
  for (const each of processTree(pid)) {
    const text = readFileSync(`/proc/${each}/smaps_rollup`, 'utf8')
    kibibytes += Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1])
  }
  return kibibytes * 1024
}

/** The fields of /proc/PID/stat after the command: state, parent, ...; undefined where the process has ended. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
