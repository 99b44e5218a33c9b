import { expect, test } from 'vitest'
import { NodeHealth } from '../../src/stats/node_health.ts'
import { createLocalStore } from '../../src/stats/store.ts'
import { WorkerHealth } from '../../src/stats/worker_health.ts'

test("main's health is told in the text exposition format", async () => {
  const text = await new NodeHealth().render()
  for (const metric of ['nuncio_nodejs_eventloop_lag_seconds', 'nuncio_nodejs_heap_size_used_bytes']) {
    expect(text).toMatch(new RegExp(`# TYPE ${metric} gauge\n${metric} [0-9.e-]+\n`))
  }
  expect(text).toContain('# TYPE nuncio_nodejs_gc_duration_seconds histogram')
})

test('a worker that was kept busy shows the stall, and its memory', async () => {
  const store = createLocalStore()
  const health = new WorkerHealth(store, 3)
  const tick = () => new Promise((resolve) => setTimeout(resolve, 30))
  await tick()
  const end = performance.now() + 100
  while (performance.now() < end);
  await tick()
  health.sample()
  expect(store.gauge('nuncio.worker_3.event_loop_delay_max_us').value()).toBeGreaterThan(50_000)
  expect(store.gauge('nuncio.worker_3.heap_used_bytes').value()).toBeGreaterThan(1_000_000)
  health.close()
})
