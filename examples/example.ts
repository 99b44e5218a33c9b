// What an example is made of beside its `envoy.yaml` and README: the backends behind it, and a check that drives it.
import type { Server } from 'node:net'

/** Makes a server that does not listen yet. */
export type Backend = () => Server

/** The proxy that runs the example's YAML, on ports of the runner's choice. */
export interface ExampleProxy {
  /** The port that the named listener is bound to. */
  port(listenerName: string): number
  /** Values of counters and gauges whose names match the filter. */
  stats(filter: string): Promise<Map<string, number>>
  /** What the proxy has written to its standard output so far. */
  readonly stdout: string
  /** Stands for `/tmp` in the YAML. */
  readonly folder: string
}

export interface Example {
  /** Installs what the check needs beside Node and openssl; throws where it cannot. */
  readonly install?: () => void
  /** Makes the files that the YAML reads, before anything is started; the folder stands for `/tmp` in the YAML. */
  readonly prepare?: (folder: string) => void
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
  'access_log',
  'sni_passthrough',
  'tls_termination',
  'mtls',
  'double_proxy',
  'grpc_bridge',
  'grpc_json',
  'grpc_web',
] as const

export async function loadExample(name: string): Promise<Example> {
  if (!exampleNames.some((each) => each === name))
    throw new Error(`no example '${name}': there are ${exampleNames.join(', ')}`)
  const { example } = (await import(`./${name}/check.ts`)) as { example: Example }
  return example
}
