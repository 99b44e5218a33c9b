// /runtime: every runtime key with its value in each layer.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import type { RuntimeValue } from '../../config/runtime.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, jsonReply } from '../endpoint.ts'

export function runtimeEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/runtime',
    help: 'runtime values, final and by layer',
    mutates: false,
    params: [],
    answer: () => {
      const layers = control.runtimeLayers()
      const keys = [...new Set(layers.flatMap((layer) => Object.keys(layer.values)))].sort()
      const entries: JsonObject = {}
      for (const key of keys) {
        const values = layers.map(({ values }) => (Object.hasOwn(values, key) ? valueText(values[key]) : ''))
        entries[key] = { final_value: values.findLast((value) => value !== '') ?? '', layer_values: values }
      }
      return jsonReply({ entries, layers: layers.map((layer) => layer.name) })
    },
  }
}

/** Fractional percents, which are structs, as Envoy prints messages. */
function valueText(value: RuntimeValue): string {
  if (typeof value !== 'object') return String(value)
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `goo.gle/debugproto  \n${fields.map(([key, field]) => fieldText(key, field)).join('')}`
}

function fieldText(key: string, value: string | number): string {
  const kind = typeof value === 'number' ? 'number_value' : 'string_value'
  return `fields {\n  key: "${key}"\n  value {\n    ${kind}: ${JSON.stringify(value)}\n  }\n}\n`
}
