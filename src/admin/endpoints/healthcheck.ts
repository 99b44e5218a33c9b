// /healthcheck/fail and /healthcheck/ok: take the server out of its load balancers, and back.

import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, okReply } from '../endpoint.ts'

export function healthcheckEndpoint(control: ServerControl, name: 'fail' | 'ok'): AdminEndpoint {
  return {
    path: `/healthcheck/${name}`,
    help: name === 'fail' ? 'let the server fail its health checks' : 'let the server pass its health checks again',
    mutates: true,
    params: [],
    answer: async () => {
      await control.failHealthCheck(name === 'fail')
      return okReply()
    },
  }
}
