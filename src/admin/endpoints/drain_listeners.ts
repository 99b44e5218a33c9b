// /drain_listeners: connections are asked to leave, then the listeners stop.

import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, okReply } from '../endpoint.ts'

export function drainListenersEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/drain_listeners',
    help: 'drain listeners',
    mutates: true,
    params: [
      { name: 'graceful', kind: 'flag', help: 'drain connections over --drain-time-s before the listeners stop' },
      { name: 'skip_exit', kind: 'flag', help: 'drain connections and never stop the listeners' },
      { name: 'inboundonly', kind: 'flag', help: 'only listeners whose traffic_direction is INBOUND' },
    ],
    answer: async ({ query }) => {
      await control.drainListeners({
        graceful: query.has('graceful'),
        inboundOnly: query.has('inboundonly'),
        skipExit: query.has('skip_exit'),
      })
      return okReply()
    },
  }
}
