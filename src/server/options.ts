// The command line: every flag that Envoy knows, in Envoy's spelling and meaning.

import { availableParallelism } from 'node:os'
import { isLogger, type LogLevel, parseLogLevel } from '../common/log.ts'
import { parseStatsTag } from '../stats/stats_config.ts'

export type Mode = 'serve' | 'validate' | 'init_only'

export interface Options {
  readonly mode: Mode
  /** `--mode validate --format json` prints the issues for tools. */
  readonly format: 'text' | 'json'
  readonly configPath: string | undefined
  readonly configYaml: string | undefined
  readonly concurrency: number
  readonly logLevel: LogLevel
  /** [component, level] pairs. */
  readonly componentLogLevels: readonly (readonly [name: string, level: LogLevel])[]
  readonly logFormat: string | undefined
  readonly logFormatEscaped: boolean
  readonly logPath: string
  readonly baseId: number
  readonly useDynamicBaseId: boolean
  readonly baseIdPath: string
  readonly restartEpoch: number
  /** Live reload of `configPath`. */
  readonly watch: boolean
  readonly drainTimeSeconds: number
  readonly drainStrategy: 'gradual' | 'immediate'
  readonly parentShutdownTimeSeconds: number
  readonly serviceCluster: string
  readonly serviceNode: string
  readonly serviceZone: string
  readonly adminAddressPath: string
  readonly fileFlushIntervalMs: number
  readonly fileFlushMinSizeBytes: number
  readonly localAddressIpVersion: 'v4' | 'v6'
  readonly disableHotRestart: boolean
  readonly allowUnknownStaticFields: boolean
  readonly rejectUnknownDynamicFields: boolean
  readonly ignoreUnknownDynamicFields: boolean
  readonly skipDeprecatedLogs: boolean
  readonly statsTags: readonly string[]
  readonly enableCoreDump: boolean
  readonly skipHotRestartOnNoParent: boolean
  readonly skipHotRestartParentStats: boolean
  /** What to say about flags that were given and do nothing here, or have a newer spelling. */
  readonly warnings: readonly string[]
}

/** What the command line asks for: to run, or to print something and end. */
export type CommandLine =
  | { readonly kind: 'run'; readonly options: Options }
  | { readonly kind: 'print'; readonly what: 'help' | 'version' | 'hot_restart_version' | 'schema' }
  | { readonly kind: 'error'; readonly message: string }

interface Flag {
  readonly name: string
  readonly short?: string
  readonly value?: 'string' | 'uint32'
  readonly repeated?: boolean
  /** Accepted for Envoy's sake; a warning says that it does nothing. */
  readonly ignored?: boolean
  /** The newer spelling of a deprecated flag. */
  readonly deprecatedFor?: string
  readonly help: string
}

export const flags: readonly Flag[] = [
  { name: 'config-path', short: 'c', value: 'string', help: 'configuration file; its ending tells the format' },
  { name: 'config-yaml', value: 'string', help: 'configuration as YAML, merged over the file' },
  { name: 'watch', help: 'follow the configuration file: what changes in it is put into force' },
  { name: 'mode', value: 'string', help: 'serve (default), validate, or init_only' },
  { name: 'format', value: 'string', help: 'with --mode validate: text (default) or json' },
  { name: 'concurrency', value: 'uint32', help: 'number of workers (default: hardware threads)' },
  { name: 'cpuset-threads', help: 'take the default number of workers from the cpuset, which Node always does' },
  { name: 'log-level', short: 'l', value: 'string', help: 'trace, debug, info, warning, error, critical or off' },
  { name: 'component-log-level', value: 'string', help: 'levels by component: upstream:debug,config:trace' },
  { name: 'log-format', value: 'string', help: 'log line format in spdlog syntax' },
  { name: 'log-format-escaped', help: 'write line ends within log messages as \\n' },
  { name: 'log-path', value: 'string', help: 'log to this file' },
  { name: 'base-id', value: 'uint32', help: 'tells apart several proxies on one machine' },
  { name: 'use-dynamic-base-id', help: 'take a base id that is free' },
  { name: 'base-id-path', value: 'string', help: 'write the base id to this file' },
  { name: 'restart-epoch', value: 'uint32', help: 'generation for hot restart' },
  { name: 'drain-time-s', value: 'uint32', help: 'length of a drain in seconds (default 600)' },
  { name: 'drain-strategy', value: 'string', help: 'gradual (default) or immediate' },
  { name: 'parent-shutdown-time-s', value: 'uint32', help: 'when the previous generation is ended (default 900)' },
  { name: 'service-cluster', value: 'string', help: 'cluster of the node' },
  { name: 'service-node', value: 'string', help: 'id of the node' },
  { name: 'service-zone', value: 'string', help: 'zone of the node' },
  { name: 'admin-address-path', value: 'string', help: 'write the admin address to this file' },
  { name: 'file-flush-interval-msec', value: 'uint32', help: 'access log flush interval (default 10000)' },
  { name: 'file-flush-min-size-kb', value: 'uint32', help: 'flush an access log at this size (default 64)' },
  { name: 'local-address-ip-version', value: 'string', help: 'v4 (default) or v6' },
  { name: 'disable-hot-restart', help: 'no base id and no epoch' },
  { name: 'allow-unknown-static-fields', help: 'ignore unknown fields in the file' },
  {
    name: 'allow-unknown-fields',
    deprecatedFor: 'allow-unknown-static-fields',
    help: 'older spelling of allow-unknown-static-fields',
  },
  { name: 'reject-unknown-dynamic-fields', help: 'refuse unknown fields in discovered resources' },
  {
    name: 'ignore-unknown-dynamic-fields',
    help: 'ignore unknown fields in discovered resources, and do not count them',
  },
  { name: 'skip-deprecated-logs', help: 'no warnings about deprecated fields' },
  { name: 'stats-tag', value: 'string', repeated: true, help: 'tag:value for every stat; may be repeated' },
  { name: 'enable-core-dump', help: 'let a crash write a core file' },
  { name: 'enable-mutex-tracing', ignored: true, help: 'accepted' },
  { name: 'enable-fine-grain-logging', ignored: true, help: 'accepted' },
  { name: 'disable-extensions', value: 'string', ignored: true, help: 'accepted' },
  { name: 'log-stacktrace-single-entry', ignored: true, help: 'accepted; stack traces are single entries' },
  { name: 'socket-path', value: 'string', ignored: true, help: 'accepted' },
  { name: 'socket-mode', value: 'string', ignored: true, help: 'accepted' },
  { name: 'skip-hot-restart-on-no-parent', help: 'start as the first generation where there is no other' },
  { name: 'skip-hot-restart-parent-stats', help: 'count from zero, not from where the generation before is' },
  { name: 'hot-restart-version', help: 'print the hot restart version and end' },
  { name: 'version', help: 'print the version and end' },
  { name: 'help', short: 'h', help: 'print this and end' },
]

const byName = new Map(
  flags.flatMap(
    (flag) => [[`--${flag.name}`, flag], ...(flag.short ? [[`-${flag.short}`, flag]] : [])] as [string, Flag][],
  ),
)

/** A command line that cannot be read; `message` is printed as it is. */
class UsageError extends Error {}

/** In the words of the command line parser that Envoy uses. */
function parseError(argument: string, problem: string): UsageError {
  return new UsageError(
    `PARSE ERROR: Argument: ${argument}\n             ${problem}\n\nFor complete USAGE and HELP type:\n   nuncio --help\n`,
  )
}

function shown(flag: Flag): string {
  return flag.short === undefined ? `(--${flag.name})` : `-${flag.short} (--${flag.name})`
}

export function parseCommandLine(args: readonly string[]): CommandLine {
  try {
    if (args[0] === 'schema') {
      if (args.length > 1) throw parseError(args[1], 'schema takes no arguments')
      return { kind: 'print', what: 'schema' }
    }
    const given = readFlags(args)
    if (given.has('help')) return { kind: 'print', what: 'help' }
    if (given.has('version')) return { kind: 'print', what: 'version' }
    if (given.has('hot-restart-version')) return { kind: 'print', what: 'hot_restart_version' }
    return { kind: 'run', options: optionsOf(given) }
  } catch (error) {
    if (error instanceof UsageError) return { kind: 'error', message: error.message }
    throw error
  }
}

/** Both `--flag value` and `--flag=value`. */
function readFlags(args: readonly string[]): Map<string, string[]> {
  const given = new Map<string, string[]>()
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]
    // Everything behind is to be ignored.
    if (argument === '--' || argument === '--ignore_rest') break
    const equals = argument.startsWith('--') ? argument.indexOf('=') : -1
    const flag = byName.get(equals < 0 ? argument : argument.slice(0, equals))
    if (flag === undefined || (equals >= 0 && flag.value === undefined))
      throw parseError(argument, "Couldn't find match for argument")
    const values = given.get(flag.name) ?? []
    if (values.length > 0 && flag.repeated !== true) throw parseError(shown(flag), 'Argument already set!')
    if (flag.value === undefined) values.push('')
    else if (equals >= 0) values.push(argument.slice(equals + 1))
    else {
      i++
      if (i === args.length) throw parseError(shown(flag), 'Missing a value for this argument!')
      values.push(args[i])
    }
    given.set(flag.name, values)
  }
  return given
}

function optionsOf(given: ReadonlyMap<string, readonly string[]>): Options {
  const text = (name: string): string | undefined => given.get(name)?.[0]
  const uint = (name: string, byDefault: number): number => unsigned(name, text(name)) ?? byDefault
  const oneOf = <T extends string>(name: string, what: string, allowed: readonly T[], byDefault: T): T => {
    const value = text(name)
    if (value === undefined) return byDefault
    const found = allowed.find((each) => each === value)
    if (found === undefined) throw new UsageError(`error: unknown ${what} '${value}'`)
    return found
  }
  checkTogether(given)
  return {
    mode: oneOf('mode', 'mode', ['serve', 'validate', 'init_only'] as const, 'serve'),
    format: oneOf('format', 'format', ['text', 'json'] as const, 'text'),
    configPath: text('config-path'),
    configYaml: text('config-yaml'),
    concurrency: Math.max(1, uint('concurrency', availableParallelism())),
    logLevel: level(text('log-level') ?? 'info'),
    componentLogLevels: componentLevels(text('component-log-level') ?? ''),
    logFormat: text('log-format'),
    logFormatEscaped: given.has('log-format-escaped'),
    logPath: text('log-path') ?? '',
    baseId: uint('base-id', 0),
    useDynamicBaseId: given.has('use-dynamic-base-id'),
    baseIdPath: text('base-id-path') ?? '',
    restartEpoch: uint('restart-epoch', 0),
    watch: given.has('watch'),
    drainTimeSeconds: uint('drain-time-s', 600),
    drainStrategy: oneOf('drain-strategy', 'drain-strategy', ['gradual', 'immediate'] as const, 'gradual'),
    parentShutdownTimeSeconds: uint('parent-shutdown-time-s', 900),
    serviceCluster: text('service-cluster') ?? '',
    serviceNode: text('service-node') ?? '',
    serviceZone: text('service-zone') ?? '',
    adminAddressPath: text('admin-address-path') ?? '',
    fileFlushIntervalMs: uint('file-flush-interval-msec', 10_000),
    fileFlushMinSizeBytes: uint('file-flush-min-size-kb', 64) * 1024,
    localAddressIpVersion: oneOf('local-address-ip-version', 'IP address version', ['v4', 'v6'] as const, 'v4'),
    disableHotRestart: given.has('disable-hot-restart'),
    allowUnknownStaticFields: given.has('allow-unknown-static-fields') || given.has('allow-unknown-fields'),
    rejectUnknownDynamicFields: given.has('reject-unknown-dynamic-fields'),
    ignoreUnknownDynamicFields: given.has('ignore-unknown-dynamic-fields'),
    skipDeprecatedLogs: given.has('skip-deprecated-logs'),
    statsTags: (given.get('stats-tag') ?? []).map(checkedStatsTag),
    enableCoreDump: given.has('enable-core-dump'),
    skipHotRestartOnNoParent: given.has('skip-hot-restart-on-no-parent'),
    skipHotRestartParentStats: given.has('skip-hot-restart-parent-stats'),
    warnings: flags.filter((flag) => given.has(flag.name)).flatMap(warningsOf),
  }
}

function warningsOf(flag: Flag): string[] {
  if (flag.ignored === true) return [`--${flag.name} is accepted and has no effect`]
  if (flag.deprecatedFor !== undefined) return [`--${flag.name} is deprecated, use --${flag.deprecatedFor} instead.`]
  return []
}

/** Flags that exclude each other, or need one another. */
function checkTogether(given: ReadonlyMap<string, readonly string[]>): void {
  const epoch = given.get('restart-epoch')?.[0] ?? '0'
  if (given.has('use-dynamic-base-id') && Number(epoch) > 0)
    throw new UsageError(`error: cannot use --restart-epoch=${epoch} with --use-dynamic-base-id`)
  if (given.has('component-log-level') && given.has('enable-fine-grain-logging'))
    throw new UsageError('error: --component-log-level will not work with --enable-fine-grain-logging')
  if (given.has('watch') && !given.has('config-path'))
    throw new UsageError('error: --watch needs a file to follow, which --config-path (-c) names')
}

function unsigned(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (!/^\d+$/.test(value) || number > 2 ** 32 - 1)
    throw parseError(`(--${name})`, `Couldn't read argument value from string '${value}'`)
  return number
}

function level(text: string): LogLevel {
  const found = parseLogLevel(text)
  if (found === undefined) throw new UsageError(`error: invalid log level specified '${text}'`)
  return found
}

function componentLevels(text: string): [string, LogLevel][] {
  if (text === '') return []
  return text.split(',').map((pair) => {
    const parts = pair.split(':')
    if (parts.length !== 2) throw new UsageError(`error: component log level not correctly specified '${pair}'`)
    if (!isLogger(parts[0])) throw new UsageError(`error: invalid component specified '${parts[0]}'`)
    return [parts[0], level(parts[1])]
  })
}

function checkedStatsTag(text: string): string {
  try {
    parseStatsTag(text)
    return text
  } catch (error) {
    throw new UsageError(`error: ${(error as Error).message}`)
  }
}

export function helpText(): string {
  const lines = flags.map((flag) => {
    const names = `${flag.short === undefined ? '    ' : `-${flag.short}, `}--${flag.name}${flag.value === undefined ? '' : ` <${flag.value}>`}`
    return `  ${names.padEnd(44)} ${flag.help}`
  })
  return [
    "nuncio: a proxy that runs Envoy's bootstrap YAML",
    '',
    'usage: nuncio [-c FILE] [flags]      run (without a file: a built-in default)',
    '       nuncio --mode validate -c FILE   check a file: all errors at once, exit code 1 if there are any',
    '       nuncio schema                    print a JSON Schema of the bootstrap for editors',
    '       nuncio supervise [flags]         run, and hand over to a new process when the program changes',
    '       nuncio agent [role] [flags]      run beside an application: bootstrap, readiness, metrics, drain',
    '       nuncio inject < MANIFESTS        add the proxy to the pods of Kubernetes manifests',
    '       nuncio iptables                  redirect the traffic of this network namespace to the proxy',
    '',
    ...lines,
    '',
  ].join('\n')
}
