// envoy.http.stateful_session.header: the session's host in a header of requests and responses.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { decodeBase64 } from '../../../../common/base64.ts'
import type { SessionStateFactory } from '../../../../http/session_state.ts'

type HeaderBasedSessionState = envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState

export const headerSession: SessionStateFactory<HeaderBasedSessionState> = {
  category: 'envoy.http.stateful_session',
  name: 'envoy.http.stateful_session.header',
  typeUrls: ['envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState'],
  createSessionStates(config) {
    const name = config.name.toLowerCase()
    return (headers) => {
      const upstreamAddress = decodeBase64(headers.get(name) ?? '')?.toString('latin1') || undefined
      return {
        upstreamAddress,
        onUpdate(address, response) {
          if (address === upstreamAddress) return false
          response.remove(name)
          response.add(name, Buffer.from(address).toString('base64'))
          return true
        },
      }
    }
  },
}
