// What an example is made of beside its `envoy.yaml` and README: the backends behind it, and a check that drives it.
import type { Server } from 'node:net'
import type { Answer } from './client.ts'

/** The port that stands for one which the YAML names; 0, any, for those of listeners. */
export type PortOf = (named: number) => number

/** Makes a server that does not listen yet; `portOf` knows the backends with lower numbers. */
export type Backend = (portOf: PortOf) => Server

/** The proxy that runs the example's YAML, on ports of the runner's choice. */
export interface ExampleProxy {
  /** The port that the named listener is bound to. */
  port(listenerName: string): number
  /** Values of counters and gauges whose names match the filter. */
  stats(filter: string): Promise<Map<string, number>>
  /** Asks the admin interface. */
  admin(path: string, method?: 'GET' | 'POST'): Promise<Answer>
  /** What the proxy has written to its standard output so far. */
  readonly stdout: string
  /** What it has logged so far. */
  readonly stderr: string
  /** Stands for `/tmp` in the YAML. */
  readonly folder: string
  /** The YAML that it runs, a copy of the check's own. */
  readonly configPath: string
}

export interface Example {
  /** Installs what the check needs beside Node and openssl; throws where it cannot. */
  readonly install?: () => unknown
  /** Makes the files that are read, before anything is started; the folder stands for `/tmp` in the YAML. */
  readonly prepare?: (folder: string) => void
  /**
   * Makes further configuration, when the backends are there; `adapt` puts the ports and the folder of this run in the place
   * of those that a text names.
   */
  readonly configure?: (folder: string, adapt: (text: string) => string) => void
  /** Further flags of the proxy. */
  readonly flags?: readonly string[]
  /** Real Envoy cannot do this; nor does the proxy run the YAML itself, but a copy in /tmp that may be changed. */
  readonly isNuncioOnly?: true
  /** By the port that the YAML names. */
  readonly backends: Readonly<Record<number, Backend>>
  /** Throws where the proxy does not do what the README says. */
  check(proxy: ExampleProxy): Promise<void>
}

export const exampleNames = [
  'front_proxy',
  'tcp_proxy',
  'websocket',
  'redirect_and_rewrite',
  'canary_and_mirror',
  'health_checks',
  'circuit_breaking',
  'locality_failover',
  'fault_injection',
  'load_reporting',
  'rate_limit_local',
  'rate_limit_global',
  'access_log',
  'sni_passthrough',
  'tls_termination',
  'mtls',
  'double_proxy',
  'forward_proxy',
  'grpc_bridge',
  'grpc_json',
  'grpc_web',
  'xds_filesystem',
  'xds_grpc',
  'live_reload',
  'hot_restart',
] as const

export async function loadExample(name: string): Promise<Example> {
  if (!exampleNames.some((each) => each === name))
    throw new Error(`no example '${name}': there are ${exampleNames.join(', ')}`)
  const { example } = (await import(`./${name}/check.ts`)) as { example: Example }
  return example
}
