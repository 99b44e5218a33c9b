// Measures Nuncio beside real Envoy: one worker each, the same backend, driven in turn (A B B A), ratios with their spread.
// `npm run bench -- [scenario ...]`; needs `envoy` in PATH, and uses wrk where it is installed, else autocannon.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bootstrap, type Scenario, scenarios } from './scenarios.ts'

const secondsPerRun = 4
const connections = 64
const rounds = ['nuncio', 'envoy', 'envoy', 'nuncio', 'nuncio', 'envoy', 'envoy', 'nuncio'] as const
const clockTicksPerSecond = 100

interface Proxy {
  readonly process: ChildProcess
  readonly port: number
}

interface Sample {
  readonly requestsPerSecond: number
  /** CPU seconds of the whole process tree for a thousand requests. */
  readonly cpuPer1000: number
}

function here(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}

async function waitFor<T>(probe: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const value = await probe()
    if (value !== undefined) return value
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('a process was not ready in time')
}

async function startProxy(kind: 'nuncio' | 'envoy', yaml: string, folder: string): Promise<Proxy> {
  const config = join(folder, `${kind}.yaml`)
  const adminPath = join(folder, `${kind}.admin`)
  writeFileSync(config, yaml)
  const flags = [
    '-c',
    config,
    '--concurrency',
    '1',
    '--disable-hot-restart',
    '-l',
    'error',
    '--admin-address-path',
    adminPath,
  ]
  const command = kind === 'envoy' ? 'envoy' : process.execPath
  const child = spawn(command, kind === 'envoy' ? flags : [here('../src/main.ts'), ...flags], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const port = await waitFor(async () => {
    if (!existsSync(adminPath)) return undefined
    const admin = readFileSync(adminPath, 'utf8').trim()
    const ready = await fetch(`http://${admin}/ready`).catch(() => undefined)
    if (ready?.status !== 200) return undefined
    const text = await (await fetch(`http://${admin}/listeners`)).text()
    const found = /:(\d+)\s*$/.exec(text)
    return found === null ? undefined : Number(found[1])
  })
  return { process: child, port }
}

/** A process and all below it. */
function tree(pid: number): number[] {
  const found = [pid]
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      if (parent === pid) found.push(...tree(Number(entry)))
    } catch {
      // Ended meanwhile.
    }
  }
  return found
}

function cpuSeconds(pid: number): number {
  let ticks = 0
  for (const each of tree(pid)) {
    const stat = readFileSync(`/proc/${each}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / clockTicksPerSecond
}

const hasWrk = spawnSync('sh', ['-c', 'command -v wrk']).status === 0

function drive(port: number, path: string): { perSecond: number; total: number } {
  const url = `http://127.0.0.1:${port}${path}`
  if (hasWrk) {
    const text = execFileSync('wrk', ['-t1', `-c${connections}`, `-d${secondsPerRun}`, url], { encoding: 'utf8' })
    if (/Non-2xx|Socket errors/.test(text)) throw new Error(`the load met errors:\n${text}`)
    const total = Number(/(\d+) requests in/.exec(text)?.[1])
    return { perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]), total }
  }
  const program = fileURLToPath(import.meta.resolve('autocannon'))
  const args = [program, '-j', '-c', String(connections), '-d', String(secondsPerRun), url]
  const result = JSON.parse(
    execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  ) as {
    requests: { average: number; total: number }
    non2xx: number
    errors: number
  }
  if (result.non2xx + result.errors > 0) throw new Error('the load met errors')
  return { perSecond: result.requests.average, total: result.requests.total }
}

function measure(proxy: Proxy, path: string): Sample {
  const pid = proxy.process.pid ?? 0
  const before = cpuSeconds(pid)
  const { perSecond, total } = drive(proxy.port, path)
  return { requestsPerSecond: perSecond, cpuPer1000: ((cpuSeconds(pid) - before) / total) * 1000 }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

async function run(scenario: Scenario): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'nuncio-bench-'))
  const backend = spawn(process.execPath, [here('backend.ts'), String(scenario.bodyBytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const backendPort = await new Promise<number>((resolve) =>
    backend.stdout.once('data', (text: Buffer) => resolve(Number(text))),
  )
  const yaml = bootstrap(scenario, backendPort)
  const proxies = { nuncio: await startProxy('nuncio', yaml, folder), envoy: await startProxy('envoy', yaml, folder) }
  const samples: { nuncio: Sample[]; envoy: Sample[] } = { nuncio: [], envoy: [] }
  try {
    for (const kind of ['nuncio', 'envoy'] as const) measure(proxies[kind], scenario.path)
    for (const kind of rounds) samples[kind].push(measure(proxies[kind], scenario.path))
  } finally {
    for (const child of [proxies.nuncio.process, proxies.envoy.process, backend]) child.kill('SIGTERM')
    rmSync(folder, { recursive: true, force: true })
  }
  const ratios = samples.nuncio.map((sample, i) => sample.requestsPerSecond / samples.envoy[i].requestsPerSecond)
  const cpu = samples.nuncio.map((sample, i) => sample.cpuPer1000 / samples.envoy[i].cpuPer1000)
  const spread = (values: readonly number[]): string =>
    `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`
  const rate = (kind: 'nuncio' | 'envoy'): string =>
    Math.round(median(samples[kind].map((each) => each.requestsPerSecond))).toString()
  console.log(
    `${scenario.name.padEnd(20)} requests/s ${spread(ratios).padEnd(24)} CPU a request ${spread(cpu).padEnd(24)} nuncio ${rate('nuncio')}/s, envoy ${rate('envoy')}/s`,
  )
}

const wanted = process.argv.slice(2)
console.log(
  `ratios nuncio : envoy, median (least to most); ${hasWrk ? 'wrk' : 'autocannon'}, ${connections} connections, one worker each`,
)
for (const scenario of scenarios) if (wanted.length === 0 || wanted.includes(scenario.name)) await run(scenario)
process.exit(0)
