// /init_dump: what initialisation still waits for.

import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, jsonReply } from '../endpoint.ts'

export function initDumpEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/init_dump',
    help: 'what initialisation still waits for',
    mutates: false,
    params: [{ name: 'mask', kind: 'text', help: 'only one component: listener' }],
    answer: ({ query }) => {
      const targets = control.unreadyTargets()
      // The mask names listeners' own targets, of which static listeners have none.
      if (targets.length === 0 || query.nonEmpty('mask') !== undefined) return jsonReply({})
      return jsonReply({ unready_targets_dumps: [{ name: 'init manager Server', target_names: [...targets] }] })
    },
  }
}
