// /quitquitquit: ends the server.

import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, okReply } from '../endpoint.ts'

export function quitEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/quitquitquit',
    help: 'end the server',
    mutates: true,
    params: [],
    answer: () => ({ ...okReply(), afterwards: () => control.quit() }),
  }
}
