// /memory and /memory/tcmalloc: memory of main and all workers, in the places of Envoy's allocator figures.

import { getHeapSpaceStatistics } from 'node:v8'
import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, jsonReply } from '../endpoint.ts'

export function memoryEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/memory',
    help: 'memory in use, all processes added up',
    mutates: false,
    params: [],
    answer: async () => {
      const all = await control.reports.memoryUsage()
      const sum = (of: (usage: NodeJS.MemoryUsage) => number): number =>
        all.reduce((total, each) => total + of(each), 0)
      // Not `external`: it counts the shared stats segment, once for each view of it.
      return jsonReply({
        allocated: String(sum(({ heapUsed, arrayBuffers }) => heapUsed + arrayBuffers)),
        heap_size: String(sum(({ heapTotal, arrayBuffers }) => heapTotal + arrayBuffers)),
        pageheap_unmapped: '0',
        pageheap_free: String(sum(({ heapTotal, heapUsed }) => heapTotal - heapUsed)),
        total_thread_cache: '0',
        total_physical_bytes: String(sum(({ rss }) => rss)),
      })
    },
  }
}

export function allocatorEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/memory/tcmalloc',
    help: "V8's memory: each process, and the spaces of the main process's heap",
    mutates: false,
    params: [],
    answer: async () => {
      const all = await control.reports.memoryUsage()
      const processes = all.map(({ heapUsed, heapTotal, external, arrayBuffers, rss }, index) => [
        index === 0 ? 'main' : `worker ${index - 1}`,
        ...[heapUsed, heapTotal, external, arrayBuffers, rss].map(String),
      ])
      const spaces = getHeapSpaceStatistics().map((space) => [
        space.space_name,
        ...[space.space_used_size, space.space_size, space.space_available_size, space.physical_space_size].map(String),
      ])
      return {
        status: 200,
        contentType: 'text/plain',
        body:
          'V8 by process, bytes:\n' +
          table([['process', 'heap used', 'heap total', 'external', 'array buffers', 'resident'], ...processes]) +
          '\nmain, by heap space, bytes:\n' +
          table([['space', 'used', 'size', 'available', 'physical'], ...spaces]),
      }
    },
  }
}

function table(rows: readonly (readonly string[])[]): string {
  return rows
    .map(([name, ...cells]) => `${name.padEnd(24)}${cells.map((cell) => cell.padStart(15)).join('')}\n`)
    .join('')
}
