// envoy.http.stateful_session.envelope: the session's host beside a session id that the upstream gives, in one header.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { decodeBase64 } from '../../../../common/base64.ts'
import type { HeaderMap } from '../../../../common/header_map.ts'
import type { SessionStateFactory } from '../../../../http/session_state.ts'

type EnvelopeSessionState = envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState

/** Stands before what the upstream has said. */
const valueMark = 'UV:'

export const envelopeSession: SessionStateFactory<EnvelopeSessionState> = {
  category: 'envoy.http.stateful_session',
  name: 'envoy.http.stateful_session.envelope',
  typeUrls: ['envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState'],
  createSessionStates({ header }) {
    const name = header!.name.toLowerCase()
    return (headers) => {
      const upstreamAddress = openEnvelope(headers, name)
      return {
        upstreamAddress,
        onUpdate(address, response) {
          const values = response.getAll(name)
          if (values.length !== 1) return false
          replace(response, name, `${encoded(address)};${valueMark}${encoded(values[0])}`)
          return address !== upstreamAddress
        },
      }
    }
  },
}

/** Leaves the upstream's own value in the header. Undefined where there is none, or no host. */
function openEnvelope(headers: HeaderMap, name: string): string | undefined {
  const [host, ...others] = (headers.get(name) ?? '').split(';').filter((part) => part !== '')
  if (host === undefined) return undefined
  const value = decoded(others.find((part) => part.startsWith(valueMark))?.slice(valueMark.length))
  if (value === undefined) return undefined
  replace(headers, name, value)
  return decoded(host)
}

/** It moves to the end, as in Envoy's header map. */
function replace(headers: HeaderMap, name: string, value: string): void {
  headers.remove(name)
  headers.add(name, value)
}

function encoded(value: string): string {
  return Buffer.from(value, 'latin1').toString('base64')
}

/** Undefined for nothing, too. */
function decoded(text = ''): string | undefined {
  return decodeBase64(text)?.toString('latin1') || undefined
}
