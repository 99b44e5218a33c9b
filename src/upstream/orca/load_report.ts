// ORCA: what a host says of its load in the headers or trailers of a response (`endpoint-load-metrics`).

import type { xds } from '../../../proto/generated/api.d.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import { ConfigErrors } from '../../config/errors.ts'
import { messageSchema } from '../../config/schema.ts'
import { decodeView } from '../../config/wire.ts'

type OrcaLoadReport = xds.data.orca.v3.OrcaLoadReport

/** Numbers between 0 and 1 or more, and requests and errors a second. */
export type LoadReport = Omit<OrcaLoadReport, 'rps'>

const header = 'endpoint-load-metrics'
const binaryHeader = 'endpoint-load-metrics-bin'
const namedPrefix = 'named_metrics.'

/** Metrics by the names that the TEXT and JSON forms have for them. */
const fields: Readonly<Record<string, NumberField>> = {
  application_utilization: 'applicationUtilization',
  cpu_utilization: 'cpuUtilization',
  mem_utilization: 'memUtilization',
  eps: 'eps',
  rps_fractional: 'rpsFractional',
}

type NumberField = 'applicationUtilization' | 'cpuUtilization' | 'memUtilization' | 'eps' | 'rpsFractional'

/** Undefined where there is none, or one that cannot be read. */
export function parseLoadReport(headers: HeaderMap): LoadReport | undefined {
  const binary = headers.get(binaryHeader)
  if (binary !== undefined) return fromBinary(binary)
  const value = headers.get(header)
  if (value === undefined) return undefined
  if (value.startsWith('BIN ')) return fromBinary(value.slice(4))
  if (value.startsWith('TEXT ')) return fromText(value.slice(5))
  return value.startsWith('JSON ') ? fromJson(value.slice(5)) : undefined
}

function fromBinary(base64: string): LoadReport | undefined {
  const schema = messageSchema('xds.data.orca.v3.OrcaLoadReport')
  if (schema === undefined) return undefined
  try {
    return decodeView(schema, Buffer.from(base64, 'base64'), new ConfigErrors(), 'ignore') as unknown as LoadReport
  } catch {
    return undefined
  }
}

/** `name=value` or `name:value`, with commas between; the report counts whole or not at all. */
function fromText(text: string): LoadReport | undefined {
  const report = emptyReport()
  const seen = new Set<string>()
  for (const item of text.split(',')) {
    const [, name, value] = /^\s*([^=:\s]+)\s*[=:]\s*(\S+)\s*$/.exec(item) ?? []
    const number = Number(value)
    if (name === undefined || seen.has(name) || !Number.isFinite(number)) return undefined
    seen.add(name)
    if (!setMetric(report, name, number)) return undefined
  }
  return report
}

function fromJson(text: string): LoadReport | undefined {
  const json = parsed(text)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined
  const report = emptyReport()
  for (const [name, value] of Object.entries(json)) {
    const key = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    if (key === 'named_metrics') Object.assign(report.namedMetrics, numbersOf(value))
    else if (key === 'utilization') Object.assign(report.utilization, numbersOf(value))
    else if (key === 'request_cost') Object.assign(report.requestCost, numbersOf(value))
    else if (Object.hasOwn(fields, key)) setMetric(report, key, Number(value) || 0)
  }
  return report
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function numbersOf(value: unknown): Record<string, number> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).map(([name, number]) => [name, Number(number) || 0]))
}

function setMetric(report: LoadReport, name: string, value: number): boolean {
  if (name.startsWith(namedPrefix) && name.length > namedPrefix.length) {
    report.namedMetrics[name.slice(namedPrefix.length)] = value
    return true
  }
  if (!Object.hasOwn(fields, name)) return false
  report[fields[name]] = value
  return true
}

function emptyReport(): LoadReport {
  return {
    cpuUtilization: 0,
    memUtilization: 0,
    requestCost: {},
    utilization: {},
    rpsFractional: 0,
    eps: 0,
    namedMetrics: {},
    applicationUtilization: 0,
  }
}

/** The largest of the named metrics: `cpu_utilization`, `named_metrics.<key>`, or `named_metrics.*` for all keys. */
export function maxUtilization(names: readonly string[], report: LoadReport): number {
  let max = 0
  for (const name of names) for (const [, value] of metricsByName(name, report)) max = Math.max(max, value)
  return max
}

/** What one name means in a report: one metric, all of a map where it ends in `.*`, or none; each with its own name. */
export function metricsByName(name: string, report: LoadReport): [name: string, value: number][] {
  if (Object.hasOwn(fields, name)) return [[name, report[fields[name]]]]
  const dot = name.indexOf('.')
  const maps: Readonly<Record<string, Record<string, number>>> = {
    named_metrics: report.namedMetrics,
    utilization: report.utilization,
    request_cost: report.requestCost,
  }
  const prefix = name.slice(0, Math.max(0, dot))
  const values = maps[prefix]
  if (values === undefined) return []
  const key = name.slice(dot + 1)
  if (key === '*') return Object.entries(values).map(([each, value]) => [`${prefix}.${each}`, value])
  return Object.hasOwn(values, key) ? [[name, values[key]]] : []
}
