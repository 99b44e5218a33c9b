// /reset_counters: all counters to zero, that of stat lookups too.

import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, okReply } from '../endpoint.ts'
import type { RecentLookups } from './recent_lookups.ts'

export function resetCountersEndpoint(control: ServerControl, lookups: RecentLookups): AdminEndpoint {
  return {
    path: '/reset_counters',
    help: 'set all counters to zero',
    mutates: true,
    params: [],
    answer: () => {
      control.stats.resetCounters()
      lookups.clear()
      return okReply()
    },
  }
}
