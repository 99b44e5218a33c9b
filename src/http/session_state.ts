// Where the session of a request is kept: extensions of the filter stateful_session.

import type { HeaderMap } from '../common/header_map.ts'
import type { ExtensionFactory } from '../config/registry.ts'
import type { ServerContext } from '../upstream/server_context.ts'

/** What one request says of its session. */
export interface SessionState {
  /** `address:port` of the host that has the session; undefined where none has. */
  readonly upstreamAddress: string | undefined
  /** The response comes from a host: tells the client whose the session is. True where it was another's, or nobody's. */
  onUpdate(address: string, response: HeaderMap): boolean
}

/** Undefined for requests that have no part in sessions. It may take what it reads out of the headers. */
export type CreateSessionState = (headers: HeaderMap) => SessionState | undefined

/** Category `envoy.http.stateful_session`. What is wrong goes to `context.errors`. */
export interface SessionStateFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.http.stateful_session'
  createSessionStates(config: Config, context: ServerContext): CreateSessionState
}
