// /listeners: names and bound addresses.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import type { BoundListener, ServerControl } from '../../server/server_control.ts'
import { addressJson } from '../address_json.ts'
import { type AdminEndpoint, jsonReply, textReply } from '../endpoint.ts'

export function listenersEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/listeners',
    help: 'listeners and their addresses',
    mutates: false,
    params: [{ name: 'format', kind: 'choice', choices: ['text', 'json'], help: 'output format' }],
    answer: ({ query }) => {
      const listeners = control.listeners()
      if (query.get('format') === 'json') return jsonReply({ listener_statuses: listeners.map(statusJson) })
      return textReply(listeners.map(textLines).join(''))
    },
  }
}

function textLines({ built, addresses }: BoundListener): string {
  return addresses.map(({ text }) => `${built.name}::${text}\n`).join('')
}

function statusJson({ built, addresses: [main, ...additional] }: BoundListener): JsonObject {
  const status: JsonObject = { name: built.name, local_address: addressJson(main) }
  if (additional.length > 0) status['additional_local_addresses'] = additional.map(addressJson)
  return status
}
