// /runtime_modify: sets keys of the admin layer.

import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, okReply, textReply } from '../endpoint.ts'

const usage =
  'usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n' +
  '       or send the parameters as form values\n' +
  'use an empty value to remove a previously added override'

export function runtimeModifyEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/runtime_modify',
    help: 'set runtime values in the admin layer: ?key1=value1&key2=value2; an empty value takes back an earlier one',
    mutates: true,
    params: [],
    answer: async ({ query }) => {
      if (query.size === 0) return textReply(usage, 400)
      if (!control.hasAdminLayer) return textReply('No admin layer specified', 503)
      await control.modifyRuntime(Object.fromEntries(query.entries()))
      return okReply()
    },
  }
}
