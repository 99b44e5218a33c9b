// /certs: the certificates in use.

import { type AdminEndpoint, jsonReply } from '../endpoint.ts'

/** There are none while no transport socket but raw_buffer can be configured. */
export function certsEndpoint(): AdminEndpoint {
  return {
    path: '/certs',
    help: 'the loaded certificates',
    mutates: false,
    params: [],
    answer: () => jsonReply({ certificates: [] }),
  }
}
