// /ready: whether the server takes traffic.

import { monotonicMs } from '../../common/clock.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { type Wait, waits } from '../../server/waits.ts'
import { type AdminEndpoint, textReply } from '../endpoint.ts'

export function readyEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/ready',
    help: 'the server state: 200 where it is LIVE, 503 otherwise',
    mutates: false,
    params: [{ name: 'verbose', kind: 'flag', help: 'also say what the server waits for' }],
    answer: ({ query }) => {
      const state = control.state()
      const reasons = query.has('verbose') ? reasonsOf(control) : []
      return textReply([state, ...reasons, ''].join('\n'), state === 'LIVE' ? 200 : 503)
    },
  }
}

function reasonsOf(control: ServerControl): string[] {
  const isLive = control.live.listeners.areWorkersStarted
  const waiting = waits(control.live).map((wait) => `${isLive ? 'warming' : 'waiting for'}: ${waitText(wait)}`)
  const problem = control.reloadProblem()
  if (problem !== undefined) waiting.push(`the configuration's file is not in force since its last change:\n${problem}`)
  return control.state() === 'DRAINING' ? [...waiting, 'health checks are failed by /healthcheck/fail'] : waiting
}

function waitText({ what, sinceMs }: Wait): string {
  return `${what}, for ${Math.floor((monotonicMs() - sinceMs) / 1000)} s`
}
