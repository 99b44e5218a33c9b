// Compiles `filter_disabled` of a listener filter: for which sockets the filter is passed over.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ListenerFilterMatcher } from './listener_filter.ts'

type Predicate = envoy.config.listener.v3.ListenerFilterChainMatchPredicate

/** Undefined where nothing is disabled. */
export function compileFilterDisabled(view: Predicate | undefined): ListenerFilterMatcher | undefined {
  return view === undefined ? undefined : compile(view)
}

function compile(view: Predicate): ListenerFilterMatcher {
  switch (view.rule) {
    case 'orMatch': {
      const rules = (view.orMatch?.rules ?? []).map(compile)
      return (socket) => rules.some((rule) => rule(socket))
    }
    case 'andMatch': {
      const rules = (view.andMatch?.rules ?? []).map(compile)
      return (socket) => rules.every((rule) => rule(socket))
    }
    case 'notMatch': {
      const rule = view.notMatch === undefined ? () => false : compile(view.notMatch)
      return (socket) => !rule(socket)
    }
    case 'destinationPortRange': {
      const start = view.destinationPortRange?.start ?? 0
      const end = view.destinationPortRange?.end ?? 0
      return (socket) => {
        const { family, port } = socket.localAddress
        return family !== 'pipe' && port >= start && port < end
      }
    }
    case 'anyMatch':
    case undefined:
      return () => true
  }
}
