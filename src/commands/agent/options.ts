// The command line and the environment of `nuncio agent`.

import { type Flags, flagLines, readFlags, UsageError } from '../flags.ts'

export const roles = ['sidecar', 'router', 'ingress'] as const
export type Role = (typeof roles)[number]

export interface AgentOptions {
  readonly role: Role
  /** Undefined: the built-in one. */
  readonly templatePath: string | undefined
  /** Where the bootstrap is rendered to. */
  readonly configDir: string
  readonly discoveryAddress: string
  readonly domain: string
  readonly serviceCluster: string
  /** Labels and annotations of the pod, as the downward API writes them. */
  readonly podInfoDir: string
  readonly adminPort: number
  readonly statusPort: number
  readonly readyPort: number
  readonly metricsPort: number
  readonly drainSeconds: number
  readonly parentShutdownSeconds: number
  readonly minimumDrainSeconds: number
  readonly exitsOnZeroConnections: boolean
  /** Files and folders whose change starts the next generation. */
  readonly watched: readonly string[]
  /** For the proxy, behind `--`. */
  readonly proxyFlags: readonly string[]
}

const flags: Flags = {
  template: { byDefault: '', help: 'bootstrap with placeholders (default: a built-in one)' },
  'config-dir': { byDefault: './etc/nuncio/proxy', help: 'where the rendered bootstrap is kept' },
  'discovery-address': { byDefault: '', help: 'host:port, or the path of a unix socket, of the management server' },
  domain: { byDefault: '', help: 'DNS domain of the pod (default NAMESPACE.svc.cluster.local)' },
  'service-cluster': { byDefault: '', help: "the node's cluster (default APP.NAMESPACE)" },
  'pod-info-dir': { byDefault: '/etc/nuncio/pod', help: 'labels and annotations, as the downward API writes them' },
  'admin-port': { byDefault: '15000', help: "the proxy's admin interface" },
  'status-port': { byDefault: '15020', help: 'readiness, merged metrics and application probes' },
  'ready-port': { byDefault: '15021', help: '/healthz/ready, answered through the proxy' },
  'metrics-port': { byDefault: '15090', help: "the proxy's own metrics" },
  'drain-time-s': { byDefault: '45', help: 'length of a drain' },
  'parent-shutdown-time-s': { byDefault: '60', help: 'when the generation before is ended' },
  'minimum-drain-s': { byDefault: '5', help: 'at the end: how long to drain at least' },
  'exit-on-zero-active-connections': { help: 'at the end: as soon as no connection is left, not at a fixed time' },
  watch: { byDefault: '', multiple: true, help: 'file or folder whose change starts the next generation' },
  help: { help: 'print this and end' },
}

export type AgentCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'run'; readonly options: AgentOptions }

export function helpText(): string {
  return `nuncio agent [${roles.join('|')}] [OPTION...] [-- FLAG...]\n\nRuns the proxy beside an application: renders its bootstrap, starts it, and answers for it. Flags behind -- are the proxy's.\n\n${flagLines(flags, 38)}`
}

export function parseAgentCommand(args: readonly string[]): AgentCommand {
  try {
    return readCommand(args)
  } catch (error) {
    if (error instanceof UsageError) return { kind: 'error', message: error.message }
    throw error
  }
}

function readCommand(args: readonly string[]): AgentCommand {
  const separator = args.indexOf('--')
  const own = separator < 0 ? args : args.slice(0, separator)
  const { given, positionals } = readFlags(flags, own, true)
  if (given['help'] === true) return { kind: 'help' }
  const text = (name: string) => String(given[name] ?? '')
  const port = (name: string) => numberOf(name, text(name), 65_535)
  const seconds = (name: string) => numberOf(name, text(name), 86_400)
  return {
    kind: 'run',
    options: {
      role: roleOf(positionals),
      templatePath: text('template') || undefined,
      configDir: text('config-dir'),
      discoveryAddress: text('discovery-address'),
      domain: text('domain'),
      serviceCluster: text('service-cluster'),
      podInfoDir: text('pod-info-dir'),
      adminPort: port('admin-port'),
      statusPort: port('status-port'),
      readyPort: port('ready-port'),
      metricsPort: port('metrics-port'),
      drainSeconds: seconds('drain-time-s'),
      parentShutdownSeconds: seconds('parent-shutdown-time-s'),
      minimumDrainSeconds: seconds('minimum-drain-s'),
      exitsOnZeroConnections: given['exit-on-zero-active-connections'] === true,
      watched: (given['watch'] as readonly string[]).filter((path) => path !== ''),
      proxyFlags: separator < 0 ? [] : args.slice(separator + 1),
    },
  }
}

function roleOf([name = 'sidecar', ...more]: readonly string[]): Role {
  const found = roles.find((role) => role === name)
  if (found === undefined || more.length > 0)
    throw new UsageError(`'${[name, ...more].join(' ')}' is none of ${roles.join(', ')}`)
  return found
}

function numberOf(name: string, text: string, most: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > most) throw new UsageError(`--${name}: '${text}' is not a number up to ${most}`)
  return value
}
