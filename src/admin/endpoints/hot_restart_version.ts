// /hot_restart_version: which processes can hand over to each other.

import type { ServerControl } from '../../server/server_control.ts'
import { hotRestartVersion } from '../../server/version.ts'
import { type AdminEndpoint, textReply } from '../endpoint.ts'

export function hotRestartVersionEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/hot_restart_version',
    help: 'the hot restart compatibility version',
    mutates: false,
    params: [],
    answer: () => textReply(control.options.disableHotRestart ? 'disabled' : hotRestartVersion),
  }
}
