// /reload: reads the bootstrap's file again and puts into force what has changed in it. Envoy has no such thing.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { printJson } from '../../config/proto_json.ts'
import type { ReloadReport } from '../../server/reload.ts'
import type { Difference } from '../../server/reload_plan.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, contentTypes } from '../endpoint.ts'

export function reloadEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/reload',
    help: "read the bootstrap's file again and apply what has changed in it",
    mutates: true,
    params: [{ name: 'dry_run', kind: 'flag', help: 'only say what would change, or what is wrong' }],
    async answer({ query }) {
      const report = await control.reload(query.has('dry_run'))
      const status = report.result === 'refused' ? 400 : 200
      return { status, contentType: contentTypes.json, body: `${printJson(reportJson(report))}\n` }
    },
  }
}

function reportJson({ result, plan, issues }: ReloadReport): JsonObject {
  const json: JsonObject = { result }
  if (plan !== undefined) {
    json['listeners'] = differenceJson(plan.listeners)
    json['clusters'] = differenceJson(plan.clusters)
    json['secrets_changed'] = plan.secrets
    json['runtime_changed'] = plan.runtime
    json['needs_restart'] = [...plan.needsRestart]
  }
  if (issues.length > 0) json['issues'] = issues.map((issue) => ({ ...issue }))
  return json
}

function differenceJson({ added, modified, removed }: Difference<unknown>): JsonObject {
  return { added: [...added.keys()], modified: [...modified.keys()], removed: [...removed] }
}
