// The one list of the admin endpoints, in the order of their paths.

import type { AdminSettings } from '../server/admin_settings.ts'
import type { ServerControl } from '../server/server_control.ts'
import type { AdminEndpoint } from './endpoint.ts'
import { certsEndpoint } from './endpoints/certs.ts'
import { clientStatusEndpoint } from './endpoints/client_status.ts'
import { clustersEndpoint } from './endpoints/clusters.ts'
import { configDumpEndpoint } from './endpoints/config_dump.ts'
import { contentionEndpoint } from './endpoints/contention.ts'
import { drainListenersEndpoint } from './endpoints/drain_listeners.ts'
import { healthcheckEndpoint } from './endpoints/healthcheck.ts'
import { heapDumpEndpoint } from './endpoints/heap_dump.ts'
import { helpEndpoint } from './endpoints/help.ts'
import { homeEndpoint } from './endpoints/home.ts'
import { hotRestartVersionEndpoint } from './endpoints/hot_restart_version.ts'
import { initDumpEndpoint } from './endpoints/init_dump.ts'
import { listenersEndpoint } from './endpoints/listeners.ts'
import { loggingEndpoint } from './endpoints/logging.ts'
import { allocatorEndpoint, memoryEndpoint } from './endpoints/memory.ts'
import { profilerEndpoints } from './endpoints/profilers.ts'
import { quitEndpoint } from './endpoints/quitquitquit.ts'
import { readyEndpoint } from './endpoints/ready.ts'
import { RecentLookups, recentLookupsEndpoints } from './endpoints/recent_lookups.ts'
import { reloadEndpoint } from './endpoints/reload.ts'
import { reopenLogsEndpoint } from './endpoints/reopen_logs.ts'
import { resetCountersEndpoint } from './endpoints/reset_counters.ts'
import { runtimeEndpoint } from './endpoints/runtime.ts'
import { runtimeModifyEndpoint } from './endpoints/runtime_modify.ts'
import { serverInfoEndpoint } from './endpoints/server_info.ts'
import { prometheusEndpoint, statsEndpoint } from './endpoints/stats.ts'

export function adminEndpoints(control: ServerControl, settings: AdminSettings): readonly AdminEndpoint[] {
  const lookups = new RecentLookups(control)
  const endpoints: AdminEndpoint[] = [
    homeEndpoint(() => endpoints),
    certsEndpoint(control),
    clustersEndpoint(control),
    configDumpEndpoint(control),
    contentionEndpoint(),
    drainListenersEndpoint(control),
    healthcheckEndpoint(control, 'fail'),
    healthcheckEndpoint(control, 'ok'),
    heapDumpEndpoint(control),
    helpEndpoint(() => endpoints),
    hotRestartVersionEndpoint(control),
    initDumpEndpoint(control),
    listenersEndpoint(control),
    loggingEndpoint(control),
    memoryEndpoint(control),
    allocatorEndpoint(control),
    ...profilerEndpoints(control, settings.profilePath),
    quitEndpoint(control),
    readyEndpoint(control),
    ...recentLookupsEndpoints(lookups),
    reloadEndpoint(control),
    reopenLogsEndpoint(control),
    resetCountersEndpoint(control, lookups),
    runtimeEndpoint(control),
    runtimeModifyEndpoint(control),
    serverInfoEndpoint(control),
    statsEndpoint(control),
    prometheusEndpoint(control),
    clientStatusEndpoint(control),
  ]
  return endpoints.sort((a, b) => (a.path < b.path ? -1 : 1))
}
