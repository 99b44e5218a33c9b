// /config_dump: the configuration in force, whole or in parts.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { type CompiledRegex, compileRegex, RegexError } from '../../common/regex.ts'
import { applyFieldMask, parseFieldMask } from '../../config/field_mask.ts'
import { messageSchema } from '../../config/schema.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, type AdminReply, jsonReply } from '../endpoint.ts'
import { type ConfigDump, configDumps } from './config_dump_parts.ts'

const filterProgramSize = 100_000

export function configDumpEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/config_dump',
    help: 'the configuration in force',
    mutates: false,
    params: [
      { name: 'resource', kind: 'text', help: 'one repeated field of the dump, such as static_clusters' },
      { name: 'mask', kind: 'text', help: 'a field mask: of the whole dump, or with resource of each element' },
      { name: 'name_regex', kind: 'text', help: 'only resources whose whole name matches (RE2)' },
      { name: 'include_eds', kind: 'flag', help: 'with the endpoints of all clusters' },
    ],
    answer: ({ query }) => {
      const pattern = query.nonEmpty('name_regex')
      let filter: CompiledRegex | undefined
      try {
        if (pattern !== undefined) filter = compileRegex(pattern, filterProgramSize)
      } catch (error) {
        if (!(error instanceof RegexError)) throw error
        return problem(400, `INVALID_ARGUMENT: Error while parsing name_regex from ${pattern}: ${error.message}`)
      }
      const includesName = (name: string): boolean => filter === undefined || filter.fullMatch(name)
      const dumps = configDumps(control, includesName, query.has('include_eds'))
      const resource = query.nonEmpty('resource')
      const mask = query.nonEmpty('mask')
      if (resource !== undefined) return resourceDump(dumps, resource, mask)
      return mask === undefined ? wholeDump(dumps) : maskedDump(dumps, mask)
    },
  }
}

function problem(status: number, text: string): AdminReply {
  return { status, contentType: 'text/plain', body: text }
}

function wholeDump(dumps: readonly ConfigDump[]): AdminReply {
  return jsonReply({ configs: dumps.map(({ typeName, json }) => withType(typeName, json())) })
}

function withType(typeName: string, json: JsonObject): JsonObject {
  return { '@type': `type.googleapis.com/${typeName}`, ...json }
}

/** Kinds of configuration that the mask does not fit are left out, unless it fits none. */
function maskedDump(dumps: readonly ConfigDump[], mask: string): AdminReply {
  const configs: JsonObject[] = []
  for (const { typeName, json } of dumps) {
    const masked = applyFieldMask(typeName, json(), parseFieldMask(mask))
    if (masked !== undefined) configs.push(withType(typeName, masked))
  }
  if (configs.length === 0) return problem(400, `FieldMask ${mask} could not be successfully applied to any configs.`)
  return jsonReply({ configs })
}

/** The elements of one repeated field, masked one by one. */
function resourceDump(dumps: readonly ConfigDump[], resource: string, mask: string | undefined): AdminReply {
  const dump = dumps.find(({ typeName }) => messageSchema(typeName)?.field(resource)?.name === resource)
  const field = dump === undefined ? undefined : messageSchema(dump.typeName)?.field(resource)
  if (dump === undefined || field === undefined) return problem(404, `${resource} not found in config dump`)
  if (!field.repeated)
    return problem(400, `${resource} is not a repeated field. Use ?mask=${resource} to get only this field`)
  const typeName = field.message().fullName
  const elements = (dump.json()[resource] ?? []) as JsonObject[]
  const configs: JsonObject[] = []
  for (const element of elements) {
    const masked = mask === undefined ? element : applyFieldMask(typeName, element, parseFieldMask(mask))
    if (masked === undefined) {
      const paths = parseFieldMask(mask ?? '').map((path) => `paths: "${path}"\n`)
      return problem(400, `FieldMask ${paths.join('')} could not be successfully used.`)
    }
    configs.push(withType(typeName, masked))
  }
  return jsonReply(configs.length === 0 ? {} : { configs })
}
