// The one list of scenarios, in the order they run.

import { discoveryScenarios } from './discovery.ts'
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
  ...discoveryScenarios,
  idleConnections,
  halfLoadLatency,
  stall,
  startup,
  twoWorkers,
]
