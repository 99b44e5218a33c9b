/**
 * envoy.resource_monitors.fixed_heap: memory of the proxy against a number of bytes.
 *
 * Envoy is one process and counts what its allocator holds. Here an operator's limit is for main and all workers together,
 * and counts their private resident memory, which is what the machine would have back without them: JavaScript's heap,
 * buffers and native allocations alike. What processes share, such as the program and the memory of stats, is left out.
 */

import { readFileSync } from 'node:fs'
import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ResourceMonitorFactory } from '../../../network/overload/resource_monitor.ts'

type FixedHeapConfig = envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig

const pageBytes = 4096

export const fixedHeap: ResourceMonitorFactory<FixedHeapConfig> = {
  category: 'envoy.resource_monitors',
  name: 'envoy.resource_monitors.fixed_heap',
  typeUrls: ['envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig'],
  createResourceMonitor({ maxHeapSizeBytes, maxHeapSizeBytesRuntime: limit }, { runtime, errors }) {
    const maxBytes = (): number =>
      limit === undefined ? maxHeapSizeBytes : runtime.getInteger(limit.runtimeKey, limit.defaultValue)
    if (maxBytes() <= 0) errors.add(limit, undefined, 'max_heap_size_bytes must be greater than 0')
    return { pressure: (pids) => pids.reduce((sum, pid) => sum + privateBytes(pid), 0) / maxBytes() }
  },
}

/** By /proc/<pid>/statm: resident less shared pages. A process that has just ended holds nothing. */
function privateBytes(pid: number): number {
  try {
    const [, resident, shared] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ').map(Number)
    return (resident - shared) * pageBytes
  } catch {
    return 0
  }
}
