// What a worker answers when main asks about it.

import { mkdtempSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeHeapSnapshot } from 'node:v8'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import type { HostNumbers, WorkerQuery } from './channel.ts'
import { processLoad } from './load_numbers.ts'

let profiler: Session | undefined
let heapProfiler: Session | undefined

export async function answerQuery(what: WorkerQuery, clusterManager: ClusterManager): Promise<unknown> {
  switch (what) {
    case 'hostStats':
      return hostNumbers(clusterManager)
    case 'load':
      return processLoad(clusterManager)
    case 'memory':
      return process.memoryUsage()
    case 'startCpuProfile':
      return startCpuProfile()
    case 'stopCpuProfile':
      return stopCpuProfile()
    case 'startHeapProfile':
      return startHeapProfile(false)
    case 'startAllocationProfile':
      return startHeapProfile(true)
    case 'stopHeapProfile':
      return stopHeapProfile()
    case 'heapSnapshot':
      // A folder of its own, which no other user can read.
      return writeHeapSnapshot(join(mkdtempSync(join(tmpdir(), 'nuncio-heap-')), 'worker.heapsnapshot'))
  }
}

function hostNumbers(clusterManager: ClusterManager): HostNumbers[] {
  const numbers: HostNumbers[] = []
  for (const cluster of clusterManager.clusters()) {
    for (const host of cluster.prioritySet.hosts()) {
      const { stats } = host
      numbers.push({
        cluster: cluster.info.name,
        address: host.address.text,
        cxTotal: stats.cxTotal.value,
        cxActive: stats.cxActive.value,
        cxConnectFail: stats.cxConnectFail.value,
        rqTotal: stats.rqTotal.value,
        rqActive: stats.rqActive.value,
        rqSuccess: stats.rqSuccess.value,
        rqError: stats.rqError.value,
        rqTimeout: stats.rqTimeout.value,
      })
    }
  }
  return numbers
}

async function startCpuProfile(): Promise<boolean> {
  if (profiler !== undefined) return false
  profiler = new Session()
  profiler.connect()
  await profiler.post('Profiler.enable')
  await profiler.post('Profiler.start')
  return true
}

/** The profile in the form that DevTools opens. */
async function stopCpuProfile(): Promise<unknown> {
  if (profiler === undefined) return undefined
  const { profile } = await profiler.post('Profiler.stop')
  profiler.disconnect()
  profiler = undefined
  return profile
}

/** `withCollected`: what has been collected meanwhile counts too, which makes it a profile of allocations. */
async function startHeapProfile(withCollected: boolean): Promise<boolean> {
  if (heapProfiler !== undefined) return false
  heapProfiler = new Session()
  heapProfiler.connect()
  await heapProfiler.post('HeapProfiler.startSampling', {
    includeObjectsCollectedByMajorGC: withCollected,
    includeObjectsCollectedByMinorGC: withCollected,
  })
  return true
}

async function stopHeapProfile(): Promise<unknown> {
  if (heapProfiler === undefined) return undefined
  const { profile } = await heapProfiler.post('HeapProfiler.stopSampling')
  heapProfiler.disconnect()
  heapProfiler = undefined
  return profile
}
