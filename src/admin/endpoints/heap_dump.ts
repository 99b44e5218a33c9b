// /heap_dump: a V8 heap snapshot, as DevTools opens it.

import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { getHeapSnapshot } from 'node:v8'
import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, contentTypes, textReply } from '../endpoint.ts'

export function heapDumpEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/heap_dump',
    help: 'a V8 heap snapshot of the main process, which stands still meanwhile; or of a worker',
    mutates: false,
    params: [{ name: 'worker', kind: 'text', help: 'index of the worker, from 0' }],
    answer: async ({ query }) => {
      const worker = query.nonEmpty('worker')
      if (worker === undefined) return { status: 200, contentType: contentTypes.json, body: getHeapSnapshot() }
      const index = Number(worker)
      if (!/^\d+$/.test(worker) || index >= control.options.concurrency)
        return textReply('usage: /heap_dump?worker=<index>\n', 400)
      const path = await control.reports.writeHeapSnapshot(index)
      if (path === undefined) return textReply('the worker wrote no heap snapshot\n', 503)
      return { status: 200, contentType: contentTypes.json, body: readAndRemove(path) }
    },
  }
}

/** The file stands in a folder of its own. */
async function* readAndRemove(path: string): AsyncIterable<Buffer> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Buffer
  } finally {
    await rm(dirname(path), { recursive: true, force: true })
  }
}
