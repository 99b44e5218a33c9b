// envoy.filters.http.stateful_session: the requests of a session go to one host, as long as it is to be had.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import type { CreateSessionState, SessionStateFactory } from '../../../../http/session_state.ts'
import type { Scope } from '../../../../stats/store.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'
import { type SessionSettings, type SessionStats, StatefulSessionFilter } from './stateful_session_filter.ts'

type StatefulSession = envoy.extensions.filters.http.stateful_session.v3.StatefulSession
type StatefulSessionPerRoute = envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute

const defaultNotFoundStatus = 503

export const statefulSessionFilter: HttpFilterFactory<StatefulSession, StatefulSessionPerRoute> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.stateful_session',
  typeUrls: ['envoy.extensions.filters.http.stateful_session.v3.StatefulSession'],
  routeTypeUrls: ['envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute'],
  isTerminal: false,
  createFilterFactory(view, context) {
    const prefix = `${context.statPrefix}stateful_session.${view.statPrefix}.`
    const stats = view.statPrefix === '' ? undefined : sessionStats(context.scope, prefix)
    const settings = compileSettings(view, stats, context)
    return (builder) => builder.addFilter(new StatefulSessionFilter(settings))
  },
  createRouteSpecificConfig(view, context) {
    return view.override === 'disabled' ? 'disabled' : compileSettings(view.statefulSession!, undefined, context)
  },
}

function compileSettings(
  view: StatefulSession,
  stats: SessionStats | undefined,
  context: ServerContext,
): SessionSettings {
  const status = view.strict ? view.statusOnStrictDestinationNotFound : 0
  return {
    createState: createStates(view, context),
    strict: view.strict,
    notFoundStatus: status === 0 ? defaultNotFoundStatus : status,
    stats,
  }
}

function createStates({ sessionState }: StatefulSession, context: ServerContext): CreateSessionState {
  if (sessionState === undefined) return () => undefined
  const { registry, errors } = context
  const factory = registry.lookup<SessionStateFactory>('envoy.http.stateful_session', sessionState, errors)
  // Envoy finds these by their names.
  if (factory !== undefined && sessionState.name !== factory.name) {
    const text = `Didn't find a registered implementation for name: '${sessionState.name}'`
    errors.add(sessionState, 'name', text, { expected: factory.name })
  }
  return factory?.createSessionStates(sessionState.typedConfig!.value, context) ?? (() => undefined)
}

function sessionStats(scope: Scope, prefix: string): SessionStats {
  return {
    routed: scope.counter(`${prefix}routed`),
    failedOpen: scope.counter(`${prefix}failed_open`),
    failedClosed: scope.counter(`${prefix}failed_closed`),
    noSession: scope.counter(`${prefix}no_session`),
  }
}
