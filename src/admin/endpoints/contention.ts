// /contention: mutex statistics in Envoy; here there is nothing to trace, which it says.

import { type AdminEndpoint, textReply } from '../endpoint.ts'

export function contentionEndpoint(): AdminEndpoint {
  return {
    path: '/contention',
    help: 'mutex contention (workers are processes that share no mutex)',
    mutates: false,
    params: [],
    answer: () => textReply('Mutex contention tracing is not enabled: workers are processes that share no mutex.'),
  }
}
