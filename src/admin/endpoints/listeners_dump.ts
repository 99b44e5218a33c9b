// The listeners in /config_dump: of one name all versions that there are, and what was refused of the last update.

import type { envoy, JsonObject } from '../../../proto/generated/api.d.ts'
import { timestampText, toAnyJson } from '../../config/proto_json.ts'
import type { RefusedResource } from '../../server/discovered_set.ts'
import type { DrainingListener, ListenerVersion } from '../../server/listener_lifecycle.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { type IncludesName, versioned, withoutEmpty } from './dump_lists.ts'

type Listener = envoy.config.listener.v3.Listener

const listenerType = 'envoy.config.listener.v3.Listener'

/** A state's field of envoy.admin.v3.ListenersConfigDump.DynamicListener. */
type StateField = 'active_state' | 'warming_state' | 'draining_state'

/** The fields of envoy.admin.v3.ListenersConfigDump. */
export function listenersDump({ live }: ServerControl, includesName: IncludesName): JsonObject {
  const { listeners, discoveredListeners, discovery } = live
  const statics = [...listeners.bound()].filter(({ isStatic, view }) => isStatic && includesName(view.name))
  const dynamic = new DynamicListeners(includesName)
  // Envoy's words: until the workers run nothing is active.
  const boundState = listeners.areWorkersStarted ? 'active_state' : 'warming_state'
  for (const version of listeners.bound()) dynamic.add(boundState, version)
  for (const { warming } of listeners.entries()) if (warming !== undefined) dynamic.add('warming_state', warming)
  for (const version of listeners.draining()) dynamic.add('draining_state', version)
  const refused = discoveredListeners.refused()
  for (const each of refused.filter(isOfListener)) dynamic.addError(each)
  // Envoy tells of all of them once more, without their names.
  const nameless = refused.map((each) => ({ error_state: errorJson(each) }))
  return withoutEmpty({
    version_info: discovery.listenerVersion,
    static_listeners: statics.map(({ view, lastUpdatedMs }) =>
      versioned('', 'listener', toAnyJson(listenerType, view), lastUpdatedMs),
    ),
    dynamic_listeners: [...dynamic.all(), ...nameless],
  })
}

/** envoy.admin.v3.ListenersConfigDump.DynamicListener, one for each name. */
class DynamicListeners {
  readonly #byName = new Map<string, JsonObject>()
  readonly #includesName: IncludesName

  constructor(includesName: IncludesName) {
    this.#includesName = includesName
  }

  add(field: StateField, { key, isStatic, view, version, lastUpdatedMs }: ListenerVersion | DrainingListener): void {
    if (isStatic || !this.#includesName(view.name)) return
    this.#set(key, field, versioned(version, 'listener', toAnyJson(listenerType, view), lastUpdatedMs))
  }

  addError(refused: RefusedResource): void {
    const lastUpdateAttempt = timestampText(refused.atMs)
    this.#set(refused.name, 'error_state', errorJson(refused, { last_update_attempt: lastUpdateAttempt }))
  }

  #set(name: string, field: StateField | 'error_state', state: JsonObject): void {
    const known = this.#byName.get(name) ?? withoutEmpty({ name })
    // Of several that drain the one that does so the longest.
    if (field in known) return
    this.#byName.set(name, { ...known, [field]: state })
  }

  all(): JsonObject[] {
    return [...this.#byName.values()]
  }
}

/** envoy.admin.v3.UpdateFailureState. */
function errorJson({ view, message }: RefusedResource, attempt: JsonObject = {}): JsonObject {
  return { failed_configuration: toAnyJson(listenerType, view), ...attempt, details: message }
}

/** Envoy looks for an address before it takes a listener for one. */
function isOfListener({ view, wasTried }: RefusedResource): boolean {
  const { address, listenerSpecifier } = view as Listener
  return wasTried && (address !== undefined || listenerSpecifier !== undefined)
}
