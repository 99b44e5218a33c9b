// /reopen_logs: opens the access logs anew, after something has moved them away.

import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, okReply } from '../endpoint.ts'

export function reopenLogsEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/reopen_logs',
    help: 'open the log files anew',
    mutates: true,
    params: [],
    answer: async () => {
      await control.reopenLogs()
      return okReply()
    },
  }
}
