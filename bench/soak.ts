// Whether a worker's memory stays what it is while gRPC calls go through it: `npm run soak`, ten minutes. Ends with
// code 1 where it has grown.
//
// Two loads at once: calls of a thousand messages, so that streams are long, and calls of one, of which there are millions.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Http2LoadResult, LoadKind } from './clients/http2_load.ts'
import { plainHttp, type Setup } from './configs/setup.ts'
import { output } from './load.ts'
import { startBackend, startProxy } from './processes.ts'
import { type SoakSample, samplePathVariable } from './soak_probe.ts'

const usage = `usage: npm run soak -- [--minutes N]
  --minutes N   how long (10); fractions are allowed`

const client = join(import.meta.dirname, 'clients/http2_load.ts')
const probe = join(import.meta.dirname, 'soak_probe.ts')
const connections = 4
const streams = 8
const messageBytes = 128
const reportIntervalMs = 30_000
/** Of the samples: while caches fill and code is compiled, memory grows for good reasons. */
const warmUpShare = 0.2
/** Of the samples: what is compared, at the beginning and at the end of the rest. */
const windowShare = 0.2
/** What lives after a collection of garbage is all but constant. */
const allowedLiveGrowth = 0.1
/** What the process holds of the system is V8's choice, and the allocator's: only large leaks are seen in it. */
const allowedResidentGrowth = 0.5

export interface SoakVerdict {
  readonly earlyBytes: number
  readonly lateBytes: number
  readonly grows: boolean
}

/** Compares the least of a time after the warm-up with the least of the last time. */
export function judge(samples: readonly number[], allowedGrowth: number): SoakVerdict {
  const windowLength = Math.max(1, Math.floor(samples.length * windowShare))
  const start = Math.floor(samples.length * warmUpShare)
  const earlyBytes = Math.min(...samples.slice(start, start + windowLength))
  const lateBytes = Math.min(...samples.slice(-windowLength))
  return { earlyBytes, lateBytes, grows: !(lateBytes <= earlyBytes * (1 + allowedGrowth)) }
}

async function call(kind: LoadKind, port: number, seconds: number): Promise<Http2LoadResult> {
  const args = [client, kind, port, connections, streams, seconds, messageBytes]
  return JSON.parse(await output(process.execPath, args.map(String))) as Http2LoadResult
}

async function soak(seconds: number, samplePath: string): Promise<boolean> {
  const backend = await startBackend('grpc')
  const setup: Setup = { ...plainHttp, downstream: 'http2', upstream: 'http2' }
  process.env[samplePathVariable] = samplePath
  const proxy = await startProxy('nuncio', setup, backend.port, ['--import', probe])
  if (proxy === undefined) throw new Error('the proxy did not start')
  try {
    const timer = setInterval(() => report('so far', readSamples(samplePath).slice(-1)), reportIntervalMs)
    const loads = [call('streaming', proxy.ports.listen, seconds), call('unary', proxy.ports.listen, seconds)]
    const [streaming, unary] = await Promise.all(loads).finally(() => clearInterval(timer))
    console.log(`${streaming.total} messages of long calls, ${unary.total} calls of one message`)
    const samples = readSamples(samplePath)
    if (samples.length === 0) throw new Error('the worker has told nothing of its memory: the time was too short')
    return tell(samples)
  } finally {
    await proxy.stop()
    await backend.stop()
  }
}

function tell(samples: readonly SoakSample[]): boolean {
  const live = judge(
    samples.map(({ liveBytes }) => liveBytes),
    allowedLiveGrowth,
  )
  const resident = judge(
    samples.map(({ residentBytes }) => residentBytes),
    allowedResidentGrowth,
  )
  report('after the warm-up', [{ liveBytes: live.earlyBytes, residentBytes: resident.earlyBytes }])
  report('at the end', [{ liveBytes: live.lateBytes, residentBytes: resident.lateBytes }])
  const grows = live.grows || resident.grows
  console.log(grows ? "the worker's memory GROWS" : "the worker's memory stays what it is")
  return !grows
}

function readSamples(path: string): SoakSample[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as SoakSample)
}

function report(when: string, samples: readonly SoakSample[]): void {
  for (const { liveBytes, residentBytes } of samples)
    console.log(`${when}: ${megabytes(liveBytes)} MB alive, ${megabytes(residentBytes)} MB resident`)
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
  const folder = mkdtempSync(join(tmpdir(), 'bench-soak-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  process.exit((await soak(minutes * 60, join(folder, 'samples'))) ? 0 : 1)
}
