import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { StatsReader } from '../../src/stats/reader.ts'
import { renderStats } from '../../src/stats/render.ts'
import type { RenderOptions } from '../../src/stats/render_options.ts'
import { defaultStatsSettings } from '../../src/stats/stats_config.ts'
import { createLocalStore } from '../../src/stats/store.ts'
import { ensureEnvoy } from '../support/ensure_envoy.ts'

const bootstrap = {
  admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
  stats_flush_interval: '0.1s',
  static_resources: {
    listeners: [
      {
        name: 'l',
        address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
        filter_chains: [
          {
            filters: [
              {
                name: 'hcm',
                typed_config: {
                  '@type':
                    'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                  stat_prefix: 'in-http',
                  route_config: {
                    virtual_hosts: [
                      {
                        name: 'v',
                        domains: ['*'],
                        routes: [{ match: { prefix: '/' }, route: { cluster: 'self.x' } }],
                      },
                    ],
                  },
                  http_filters: [
                    {
                      name: 'router',
                      typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                    },
                  ],
                },
              },
            ],
          },
        ],
      },
    ],
    clusters: [{ name: 'self.x', type: 'STATIC', track_cluster_stats: { request_response_sizes: true } }],
  },
}

// What changes while one looks, the admin interface's own stats above all, is left out.
const filter = '^(cluster\\.|listener\\.127|http\\.in|http1|tcp|thread_local|server\\.(worker|initial))'
const plain: RenderOptions = { format: 'text', type: 'All', usedOnly: false, textReadouts: false }

interface DetailedHistogram {
  readonly name: string
  readonly totals: readonly { readonly lower_bound: number; readonly count: number }[]
}

describe('the output of a real Envoy for the same values', () => {
  let envoy: ChildProcess
  let admin = ''
  let reader: StatsReader

  const fromEnvoy = async (query: string): Promise<string> => {
    const response = await fetch(`${admin}/stats?filter=${encodeURIComponent(filter)}${query}`)
    return response.text()
  }
  const lines = async (query: string): Promise<[name: string, value: string][]> =>
    (await fromEnvoy(query))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.slice(0, line.lastIndexOf(': ')), line.slice(line.lastIndexOf(': ') + 2)])

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'envoy-output-'))
    const [config, addressFile] = [join(folder, 'bootstrap.json'), join(folder, 'admin')]
    writeFileSync(config, JSON.stringify(bootstrap))
    const args = ['-c', config, '--disable-hot-restart', '--concurrency', '2', '--admin-address-path', addressFile]
    envoy = spawn(ensureEnvoy(), [...args, '-l', 'off'], { stdio: 'ignore' })
    await until(() => existsSync(addressFile) && readFileSync(addressFile, 'utf8') !== '')
    admin = `http://${readFileSync(addressFile, 'utf8')}`
    await until(async () => (await (await fetch(`${admin}/ready`)).text()) === 'LIVE\n')
    const listeners = JSON.parse(await (await fetch(`${admin}/listeners?format=json`)).text())
    const { port_value } = listeners.listener_statuses[0].local_address.socket_address
    for (let i = 0; i < 20; i++) {
      await (await fetch(`http://127.0.0.1:${port_value}/`, { headers: { connection: 'close' } })).text()
    }
    // All that the requests recorded was flushed, and then one more flush came.
    const recorded = /^envoy_(http|listener)_downstream_(cx_length_ms|rq_time)_count\{.*\} 20$/gm
    await until(async () => (await fromEnvoy('&format=prometheus')).match(recorded)?.length === 3)
    await until(async () => !/P0\((?!nan)/.test(await fromEnvoy('&type=Histograms')))
    reader = await copyEnvoysStats(lines, fromEnvoy)
  })

  afterAll(async () => {
    envoy.kill('SIGKILL')
    if (envoy.exitCode === null && envoy.signalCode === null) await once(envoy, 'exit')
  })

  test.each<[query: string, options: Partial<RenderOptions>]>([
    ['', {}],
    ['&usedonly', { usedOnly: true }],
    ['&type=Histograms', { type: 'Histograms' }],
    ['&histogram_buckets=cumulative', { histogramBuckets: 'cumulative' }],
    ['&histogram_buckets=disjoint', { histogramBuckets: 'disjoint' }],
    ['&histogram_buckets=detailed', { histogramBuckets: 'detailed' }],
    ['&format=json', { format: 'json' }],
    ['&format=json&usedonly&type=Gauges', { format: 'json', usedOnly: true, type: 'Gauges' }],
    ['&format=json&histogram_buckets=cumulative', { format: 'json', histogramBuckets: 'cumulative' }],
    ['&format=json&histogram_buckets=disjoint', { format: 'json', histogramBuckets: 'disjoint' }],
    ['&format=json&histogram_buckets=detailed', { format: 'json', histogramBuckets: 'detailed' }],
    ['&format=prometheus', { format: 'prometheus' }],
    ['&format=prometheus&type=Gauges', { format: 'prometheus', type: 'Gauges' }],
    ['&format=prometheus&usedonly', { format: 'prometheus', usedOnly: true }],
    ['&format=prometheus&histogram_buckets=summary', { format: 'prometheus', histogramBuckets: 'summary' }],
  ])('%s', async (query, options) => {
    expect([...renderStats(reader.snapshot(), { ...plain, ...options })].join('')).toBe(await fromEnvoy(query))
  })
})

async function copyEnvoysStats(
  lines: (query: string) => Promise<[name: string, value: string][]>,
  fromEnvoy: (query: string) => Promise<string>,
): Promise<StatsReader> {
  const store = createLocalStore()
  const used = new Set((await lines('&usedonly')).map(([name]) => name))
  for (const [name, value] of await lines('&type=Counters')) {
    const counter = store.counter(name)
    if (used.has(name)) counter.add(Number(value))
  }
  for (const [name, value] of await lines('&type=Gauges')) {
    const gauge = store.gauge(name)
    if (used.has(name)) gauge.set(Number(value))
  }
  const detailed = JSON.parse(await fromEnvoy('&type=Histograms&format=json&histogram_buckets=detailed'))
  const histograms: DetailedHistogram[] = detailed.stats[0].histograms.details
  for (const { name, totals } of histograms) {
    const histogram = store.histogram(name, 'ms')
    for (const bin of totals) for (let i = 0; i < bin.count; i++) histogram.recordValue(Math.round(bin.lower_bound))
  }
  const reader = new StatsReader([store.slab], defaultStatsSettings())
  // The second flush begins an interval without values, as Envoy's is by now.
  reader.flush()
  reader.flush()
  return reader
}

/** Asks again and again until it holds; the test's own time limit ends what never does. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}
