// Finds the endpoint of an admin request.

import type { IncomingMessage } from 'node:http'
import { renderStats, STATS_CONTENT_TYPE } from '../stats/render.ts'
import type { ServerControl } from '../server/server_control.ts'

export interface AdminResponse {
  readonly status: number
  readonly contentType: string
  readonly body: string | Iterable<string>
}

const text = 'text/plain; charset=UTF-8'

export async function findEndpoint(control: ServerControl, _request: IncomingMessage, url: URL): Promise<AdminResponse> {
  switch (url.pathname) {
    case '/ready': {
      const state = control.state()
      return { status: state === 'LIVE' ? 200 : 503, contentType: text, body: `${state}\n` }
    }
    case '/stats':
    case '/stats/prometheus': {
      control.refreshServerStats()
      const format = url.pathname === '/stats' ? 'text' : 'prometheus'
      const body = renderStats(control.stats.snapshot(), { format, type: 'All', textReadouts: false, usedOnly: url.searchParams.has('usedonly') })
      return { status: 200, contentType: STATS_CONTENT_TYPE[format], body }
    }
    case '/listeners': {
      const listeners = control.listeners()
      if (url.searchParams.get('format') === 'json') {
        const statuses = listeners.map(({ built, addresses }) => ({
          name: built.name,
          local_address: { socket_address: { address: addresses[0].ip, port_value: addresses[0].port } },
        }))
        return { status: 200, contentType: 'application/json', body: `${JSON.stringify({ listener_statuses: statuses }, undefined, 1)}\n` }
      }
      return { status: 200, contentType: text, body: listeners.map(({ built, addresses }) => `${built.name}::${addresses[0].text}\n`).join('') }
    }
    case '/quitquitquit':
      control.quit()
      return { status: 200, contentType: text, body: 'OK\n' }
    default:
      return { status: 404, contentType: text, body: 'invalid path. admin commands are:\n' }
  }
}
