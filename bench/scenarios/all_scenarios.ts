// The one list of scenarios, in the order they run.

import { halfLoadLatency } from './half_load_latency.ts'
import { idleConnections } from './idle_connections.ts'
import { routes10000 } from './routes_10000.ts'
import type { Scenario } from './scenario.ts'
import { stall } from './stall.ts'
import { startup } from './startup.ts'
import { throughputScenarios } from './throughput.ts'
import { twoWorkers } from './two_workers.ts'

export const allScenarios: readonly Scenario[] = [
  ...throughputScenarios,
  routes10000,
  idleConnections,
  halfLoadLatency,
  stall,
  startup,
  twoWorkers,
]
