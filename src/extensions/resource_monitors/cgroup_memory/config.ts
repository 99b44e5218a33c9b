// envoy.resource_monitors.cgroup_memory: memory of the control group that the proxy runs in, against its limit.

import { readFileSync } from 'node:fs'
import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ResourceMonitorFactory } from '../../../network/overload/resource_monitor.ts'

type CgroupMemoryConfig = envoy.extensions.resource_monitors.cgroup_memory.v3.CgroupMemoryConfig

/** Usage and limit in versions 2 and 1 of control groups. */
const files = [
  ['/sys/fs/cgroup/memory.current', '/sys/fs/cgroup/memory.max'],
  ['/sys/fs/cgroup/memory/memory.usage_in_bytes', '/sys/fs/cgroup/memory/memory.limit_in_bytes'],
] as const

export const cgroupMemory: ResourceMonitorFactory<CgroupMemoryConfig> = {
  category: 'envoy.resource_monitors',
  name: 'envoy.resource_monitors.cgroup_memory',
  typeUrls: ['envoy.extensions.resource_monitors.cgroup_memory.v3.CgroupMemoryConfig'],
  createResourceMonitor({ maxMemoryBytes }) {
    return {
      pressure: () => {
        for (const [usage, limit] of files) {
          const used = bytesIn(usage)
          if (used === undefined) continue
          const most = Math.min(bytesIn(limit) ?? 0, maxMemoryBytes > 0 ? maxMemoryBytes : Number.POSITIVE_INFINITY)
          return Number.isFinite(most) ? used / most : 0
        }
        throw new Error('no supported cgroup memory implementation found')
      },
    }
  },
}

/** Undefined where there is no such file; Infinity for `max`. */
function bytesIn(path: string): number | undefined {
  try {
    const text = readFileSync(path, 'latin1').trim()
    return text === 'max' ? Number.POSITIVE_INFINITY : Number(text)
  } catch {
    return undefined
  }
}
