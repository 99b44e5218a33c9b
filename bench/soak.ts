// Whether a worker's memory stays what it is while gRPC calls go through it: `node bench/soak.ts`, ten minutes. Ends with
// code 1 where it has grown.
//
// Two loads at once: calls of a thousand messages, so that streams are long, and calls of one, of which there are millions.

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Http2LoadResult, LoadKind } from './clients/http2_load.ts'
import { plainHttp } from './configs/setup.ts'
import { memoryBytes, processTree } from './cpu.ts'
import { output } from './load.ts'
import { startBackend, startProxy } from './processes.ts'

const usage = `usage: node bench/soak.ts [--minutes N]
  --minutes N   how long (10); fractions are allowed`

const client = join(import.meta.dirname, 'clients/http2_load.ts')
const connections = 4
const streams = 8
const messageBytes = 128
const samplesWanted = 300
/** Of the samples: while caches fill and code is compiled, memory grows for good reasons. */
const warmUpShare = 0.2
/** Of the samples: what is compared, at the beginning and at the end of the rest. */
const windowShare = 0.2
/** What a heap that is stable may differ by. */
const allowedGrowth = 0.1

export interface SoakVerdict {
  readonly earlyBytes: number
  readonly lateBytes: number
  readonly grows: boolean
}

/**
 * Compares the least memory of a time after the warm-up with that of the last time: between two collections of garbage a
 * heap rises, and only its floor tells what stays.
 */
export function judge(samples: readonly number[]): SoakVerdict {
  const windowLength = Math.max(1, Math.floor(samples.length * windowShare))
  const start = Math.floor(samples.length * warmUpShare)
  const earlyBytes = Math.min(...samples.slice(start, start + windowLength))
  const lateBytes = Math.min(...samples.slice(-windowLength))
  return { earlyBytes, lateBytes, grows: lateBytes > earlyBytes * (1 + allowedGrowth) }
}

async function call(kind: LoadKind, port: number, seconds: number): Promise<Http2LoadResult> {
  const args = [client, kind, port, connections, streams, seconds, messageBytes]
  return JSON.parse(await output(process.execPath, args.map(String))) as Http2LoadResult
}

async function soak(seconds: number): Promise<boolean> {
  const backend = await startBackend('grpc')
  const proxy = await startProxy('nuncio', { ...plainHttp, downstream: 'http2', upstream: 'http2' }, backend.port)
  if (proxy === undefined) throw new Error('the proxy did not start')
  try {
    const [, worker] = processTree(proxy.pid)
    const loads = Promise.all([
      call('streaming', proxy.ports.listen, seconds),
      call('unary', proxy.ports.listen, seconds),
    ])
    const samples: number[] = []
    const timer = setInterval(
      () => {
        samples.push(memoryBytes(worker))
        if (samples.length % (samplesWanted / 10) === 0) console.log(`${megabytes(samples[samples.length - 1])} MB`)
      },
      (seconds * 1000) / (samplesWanted + 1),
    )
    const [streaming, unary] = await loads.finally(() => clearInterval(timer))
    const { earlyBytes, lateBytes, grows } = judge(samples)
    console.log(
      `${streaming.total} messages of long calls, ${unary.total} calls of one message; the worker's memory: ` +
        `${megabytes(earlyBytes)} MB after the warm-up, ${megabytes(lateBytes)} MB at the end: ${grows ? 'GROWS' : 'stays'}`,
    )
    return !grows
  } finally {
    await proxy.stop()
    await backend.stop()
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}

function readMinutes(args: string[]): number {
  const { values } = parseArgs({ args, options: { minutes: { type: 'string', default: '10' } } })
  const minutes = Number(values.minutes)
  if (!(minutes > 0)) throw new Error(`--minutes needs a number above 0, not '${values.minutes}'`)
  return minutes
}

if (import.meta.main) {
  let minutes: number
  try {
    minutes = readMinutes(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(1)
  }
  process.exit((await soak(minutes * 60)) ? 0 : 1)
}
