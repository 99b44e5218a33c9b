// /help, and what an unknown path is told: the endpoints and their parameters.

import { type AdminEndpoint, textReply } from '../endpoint.ts'

export function helpEndpoint(endpoints: () => readonly AdminEndpoint[]): AdminEndpoint {
  return {
    path: '/help',
    help: 'this list of endpoints',
    mutates: false,
    params: [],
    answer: () => textReply(`admin commands are:\n${helpText(endpoints())}`),
  }
}

export function helpText(endpoints: readonly AdminEndpoint[]): string {
  return endpoints.map(endpointHelp).join('')
}

function endpointHelp({ path, mutates, help, params }: AdminEndpoint): string {
  const lines = params.map(({ name, help, choices }) => {
    const oneOf = choices === undefined ? '' : `; One of (${choices.join(', ')})`
    return `      ${name}: ${help}${oneOf}\n`
  })
  return `  ${path}${mutates ? ' (POST)' : ''}: ${help}\n${lines.join('')}`
}
