// /init_dump: what the initialisation of listeners still waits for.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import type { ListenerEntry } from '../../server/listener_lifecycle.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, jsonReply } from '../endpoint.ts'
import { withoutEmpty } from './dump_lists.ts'

export function initDumpEndpoint({ live }: ServerControl): AdminEndpoint {
  return {
    path: '/init_dump',
    help: 'what the initialisation of listeners still waits for',
    mutates: false,
    params: [{ name: 'mask', kind: 'text', help: 'only one component: listener' }],
    answer: ({ query }) => {
      const mask = query.nonEmpty('mask')
      // As in Envoy there is no other component.
      if (mask !== undefined && mask !== 'listener') return jsonReply({})
      const { listeners } = live
      // Until the workers run none is in use, whether it waits for something or not.
      const waiting = [...listeners.entries()].filter(({ warming }) => !listeners.areWorkersStarted || warming)
      return jsonReply(withoutEmpty({ unready_targets_dumps: waiting.map(targetsJson) }))
    },
  }
}

/** envoy.admin.v3.UnreadyTargetsDumps.UnreadyTargetsDump. */
function targetsJson({ key, active, warming }: ListenerEntry): JsonObject {
  const version = warming ?? active
  // Envoy's hash of the configuration has 64 bits.
  const hash = BigInt(`0x${version?.fingerprint.slice(0, 16) ?? 0}`)
  const name = `init manager Listener-local-init-manager ${version?.view.name || key} ${hash}`
  const targets = new Set(version?.initManager.unready().map(({ name }) => targetName(name)))
  return targets.size === 0 ? { name } : { name, target_names: [...targets] }
}

/** Subscriptions are shared by all who name the resource, in Envoy's words too; scopes and inline routes are a listener's own. */
function targetName(name: string): string {
  return /^(ConfigSubscriptionCommonBase|StaticRouteConfigProvider) /.test(name)
    ? `target ${name}`
    : `shared target ${name}`
}
