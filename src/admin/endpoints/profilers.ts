// /cpuprofiler, /heapprofiler, /allocprofiler: V8's own profilers in every worker. Each worker's profile becomes a file
// beside `admin.profile_path` that DevTools opens.

import { accessSync, constants } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { getLogger } from '../../common/log.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, type AdminReply, okReply, textReply } from '../endpoint.ts'

const log = getLogger('admin')
const usage = textReply('?enable=<y|n>\n', 400)

interface Profiler {
  readonly path: string
  readonly help: string
  readonly start: 'startCpuProfile' | 'startHeapProfile' | 'startAllocationProfile'
  readonly stop: 'stopCpuProfile' | 'stopHeapProfile'
  readonly fileEnding: string
  /** What a start while it runs, or a stop while it does not, is told; undefined: OK. */
  readonly refusals: { readonly started: string; readonly notStarted: string } | undefined
}

const cpu: Profiler = {
  path: '/cpuprofiler',
  help: 'start or stop the CPU profiler of all workers',
  start: 'startCpuProfile',
  stop: 'stopCpuProfile',
  fileEnding: 'cpuprofile',
  refusals: undefined,
}

const heap: Profiler = {
  path: '/heapprofiler',
  help: 'start or stop sampling what stays on the heap of all workers',
  start: 'startHeapProfile',
  stop: 'stopHeapProfile',
  fileEnding: 'heapprofile',
  refusals: undefined,
}

const allocation: Profiler = {
  path: '/allocprofiler',
  help: 'start or stop sampling all allocations of all workers, those already collected too',
  start: 'startAllocationProfile',
  stop: 'stopHeapProfile',
  fileEnding: 'alloc.heapprofile',
  refusals: {
    started: 'Allocation profiler has already started',
    notStarted: 'Allocation profiler is not started',
  },
}

export function profilerEndpoints(control: ServerControl, profilePath: string): AdminEndpoint[] {
  // The two heap profilers are one in V8: only one of them runs at a time.
  let heapProfiler: Profiler | undefined
  let cpuRuns = false
  const runs = (profiler: Profiler): boolean => (profiler === cpu ? cpuRuns : heapProfiler === profiler)
  const setRuns = (profiler: Profiler, on: boolean): void => {
    if (profiler === cpu) cpuRuns = on
    else heapProfiler = on ? profiler : undefined
  }
  const start = async (profiler: Profiler): Promise<AdminReply> => {
    if (runs(profiler) && profiler.refusals !== undefined) return textReply(profiler.refusals.started, 400)
    const taken = profiler !== cpu && heapProfiler !== undefined
    if (runs(profiler) || taken || !isWritable(profilePath)) return textReply('failure to start the profiler', 500)
    setRuns(profiler, true)
    await control.reports.ask(profiler.start)
    return okReply()
  }
  const stop = async (profiler: Profiler): Promise<AdminReply> => {
    if (!runs(profiler))
      return profiler.refusals === undefined ? okReply() : textReply(profiler.refusals.notStarted, 400)
    setRuns(profiler, false)
    const profiles = await control.reports.ask(profiler.stop)
    for (const [index, profile] of profiles.entries()) {
      const path = `${profilePath}.worker_${index}.${profiler.fileEnding}`
      await writeFile(path, JSON.stringify(profile))
      log.info(`wrote profile ${path}`)
    }
    return okReply()
  }
  return [allocation, cpu, heap].map((profiler) => ({
    path: profiler.path,
    help: profiler.help,
    mutates: true,
    params: [{ name: 'enable', kind: 'choice', choices: ['y', 'n'], help: 'start or stop' }],
    answer: ({ query }) => {
      const enable = query.get('enable')
      if (enable === 'y') return start(profiler)
      return enable === 'n' ? stop(profiler) : usage
    },
  }))
}

function isWritable(path: string): boolean {
  try {
    accessSync(dirname(path), constants.W_OK)
    return true
  } catch {
    return false
  }
}
