// Who the proxy is, as it tells management servers: from the environment, and from what the downward API writes.

import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { JsonObject } from '../../../proto/generated/api.d.ts'
import type { AgentOptions } from './options.ts'

export interface AgentNode {
  /** `type~ip~name.namespace~domain`. */
  readonly id: string
  readonly cluster: string
  readonly metadata: JsonObject
}

type Environment = Readonly<Record<string, string | undefined>>

const textPrefix = 'ISTIO_META_'
const jsonPrefix = 'ISTIO_METAJSON_'

export function agentNode(options: AgentOptions, environment: Environment): AgentNode {
  const { role, podInfoDir } = options
  const name = environment['POD_NAME'] ?? environment['HOSTNAME'] ?? 'proxy'
  const namespace = environment['POD_NAMESPACE'] ?? 'default'
  const addresses = environment['INSTANCE_IP']?.split(',') ?? ownAddresses()
  const labels = downwardValues(join(podInfoDir, 'labels'))
  const annotations = downwardValues(join(podInfoDir, 'annotations'))
  const application = labels['app'] ?? name
  const domain = options.domain || `${namespace}.svc.cluster.local`
  // Management servers know two kinds of nodes.
  const type = role === 'sidecar' ? 'sidecar' : 'router'
  return {
    id: `${type}~${addresses[0] ?? '127.0.0.1'}~${name}.${namespace}~${domain}`,
    cluster: options.serviceCluster || `${application}.${namespace}`,
    metadata: {
      NAME: name,
      NAMESPACE: namespace,
      INSTANCE_IPS: addresses.join(','),
      LABELS: labels,
      ANNOTATIONS: annotations,
      ENVOY_STATUS_PORT: options.readyPort,
      ENVOY_PROMETHEUS_PORT: options.metricsPort,
      ...(environment['SERVICE_ACCOUNT'] === undefined ? {} : { SERVICE_ACCOUNT: environment['SERVICE_ACCOUNT'] }),
      ...given(environment),
    },
  }
}

/** What the environment adds, or says instead. */
function given(environment: Environment): JsonObject {
  const metadata: Record<string, JsonObject[string]> = {}
  for (const [name, value = ''] of Object.entries(environment)) {
    if (name.startsWith(textPrefix)) metadata[name.slice(textPrefix.length)] = value
  }
  for (const [name, value = ''] of Object.entries(environment)) {
    if (!name.startsWith(jsonPrefix)) continue
    try {
      Object.assign(metadata, JSON.parse(value))
    } catch (error) {
      throw new Error(`${name} is no JSON object: ${(error as Error).message}`)
    }
  }
  return metadata
}

/** Lines of `key="value"`, the value quoted as in Go; none where there is no such file. */
function downwardValues(path: string): Record<string, string> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return {}
  }
  const lines = [...text.matchAll(/^([^=\n]+)=("(?:[^"\\\n]|\\.)*")$/gm)]
  return Object.fromEntries(lines.map(([, key, value]) => [key, unquoted(value)]))
}

/** Escapes that JSON does not have, such as `\x07`, stay as they are. */
function unquoted(value: string): string {
  try {
    return JSON.parse(value) as string
  } catch {
    return value.slice(1, -1)
  }
}

function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return all.filter(({ internal, scopeid = 0 }) => !internal && scopeid === 0).map(({ address }) => address)
}
