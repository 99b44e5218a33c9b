// envoy.resource_monitors.cpu_utilization: the share of the processors' time that is worked, of the machine or of the container.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ResourceMonitor, ResourceMonitorFactory } from '../../../network/overload/resource_monitor.ts'
import { containerReader } from './container_cpu.ts'
import { type CpuReader, hostReader } from './cpu_reader.ts'

type CpuUtilizationConfig = envoy.extensions.resource_monitors.cpu_utilization.v3.CpuUtilizationConfig

/** What a new reading counts for against those before it, as Envoy weighs it: a spike alone is no overload. */
const weightOfNewest = 0.05

export const cpuUtilization: ResourceMonitorFactory<CpuUtilizationConfig> = {
  category: 'envoy.resource_monitors',
  name: 'envoy.resource_monitors.cpu_utilization',
  typeUrls: ['envoy.extensions.resource_monitors.cpu_utilization.v3.CpuUtilizationConfig'],
  createResourceMonitor(view, { errors }) {
    const read = view.mode === 'CONTAINER' ? containerReader('/') : hostReader('/')
    if (read !== undefined) return smoothed(read)
    errors.add(view, 'mode', 'No supported cgroup CPU implementation found')
    return { pressure: () => 0 }
  },
}

export function smoothed(read: CpuReader): ResourceMonitor {
  let previous = read()
  let utilization = 0
  return {
    pressure: () => {
      const current = read()
      const work = current.work - previous.work
      const total = (current.time - previous.time) * current.cores
      if (work < 0 || total <= 0)
        throw new Error(`CPU time went from ${previous.work} to ${current.work} within ${total}`)
      previous = current
      utilization += (Math.min(work / total, current.most) - utilization) * weightOfNewest
      return utilization
    },
  }
}
