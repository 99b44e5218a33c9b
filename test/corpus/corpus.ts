/** Validates every bootstrap of a folder with Nuncio and compares with what Envoy says of it. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadBootstrap } from '../../src/config/load.ts'
import { ExtensionRegistry } from '../../src/config/registry.ts'
import { allExtensions } from '../../src/extensions/all_extensions.ts'
import { parseCommandLine } from '../../src/server/options.ts'
import { validateBootstrap } from '../../src/server/validate.ts'
import { ensureEnvoy } from '../support/ensure_envoy.ts'

/** What is said of one bootstrap, with the messages that say why. */
export interface Verdict {
  readonly accepts: boolean
  readonly messages: readonly string[]
}

export interface EnvoyVerdict extends Verdict {
  /** It accepts only where the files that the bootstrap names exist. */
  readonly needsFiles: boolean
}

export type Outcome = 'accepted' | 'refused' | 'beyond reach'

export interface Comparison {
  /** Relative to the folder. */
  readonly file: string
  readonly envoy: EnvoyVerdict
  readonly nuncio: Verdict
  readonly outcome: Outcome
  readonly agrees: boolean
}

const bootstrapEndings = ['.yaml', '.yml', '.json', '.pb', '.pb_text', '.pbtxt']
/** Some name neither node nor cluster and expect them from the command line. */
const nodeFlags = ['--service-node', 'node', '--service-cluster', 'cluster']
const validateTimeoutMs = 30_000

/** How Nuncio says that Envoy has something which it has not: `src/config/check_fields.ts`, `registry.ts`, the builders. */
const beyondReach =
  /known to Envoy but not supported by Nuncio|Envoy has this extension, Nuncio does not| (is|are) not supported( yet|;|$)/
/** Envoy's own words where a field is misused. */
const envoysWords = /partial wildcards are not supported|keep_matching is not supported/
const missingFile = /Invalid path|unable to read file|no such file|there is no folder|must refer to an existing path/i

export function bootstrapFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => bootstrapEndings.some((ending) => name.endsWith(ending)))
    .sort()
}

/** `verdicts.tsv` beside the bootstraps: path, `yes` or `no`, reason; its first line names the columns. */
export function readVerdicts(folder: string): Map<string, EnvoyVerdict> {
  const path = join(folder, 'verdicts.tsv')
  const verdicts = new Map<string, EnvoyVerdict>()
  if (!existsSync(path)) return verdicts
  for (const line of readFileSync(path, 'utf8').trimEnd().split('\n').slice(1)) {
    const [file, accepted, reason = ''] = line.split('\t')
    const messages = reason === '' ? [] : [reason]
    verdicts.set(file, { accepts: accepted === 'yes', messages, needsFiles: reason.includes('dummy-files') })
  }
  return verdicts
}

export function askEnvoy(path: string): EnvoyVerdict {
  const args = ['--mode', 'validate', '-l', 'error', ...nodeFlags, '-c', path]
  const result = spawnSync(ensureEnvoy(), args, { encoding: 'utf8', timeout: validateTimeoutMs })
  const messages = result.status === 0 ? [] : [`${result.stderr}${result.stdout}`.trim().slice(0, 600)]
  return { accepts: result.status === 0, messages, needsFiles: false }
}

/** In this process: the same calls as `--mode validate` makes. What it throws is a fault of its own and refuses. */
export function askNuncio(path: string): Verdict {
  const registry = new ExtensionRegistry()
  for (const factory of allExtensions) registry.register(factory)
  const command = parseCommandLine(['--mode', 'validate', '--skip-deprecated-logs', ...nodeFlags, '-c', path])
  if (command.kind !== 'run') throw new Error('the command line is wrong')
  try {
    const { bootstrap, issues } = loadBootstrap(command.options)
    if (bootstrap !== undefined && !issues.hasErrors) validateBootstrap(bootstrap, command.options, registry, issues)
    const messages = issues.errors.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`)
    return { accepts: messages.length === 0, messages }
  } catch (error) {
    return { accepts: false, messages: [`crashed: ${(error as Error).stack}`] }
  }
}

/** Whether a message says that Nuncio does not have what Envoy has. */
export function isBeyondReach(message: string): boolean {
  return beyondReach.test(message) && !envoysWords.test(message)
}

export function compare(file: string, envoy: EnvoyVerdict, nuncio: Verdict): Comparison {
  const excused = (message: string): boolean => envoy.needsFiles && missingFile.test(message)
  const own = nuncio.messages.filter((message) => !isBeyondReach(message) && !excused(message))
  const beyond = nuncio.messages.filter(isBeyondReach)
  const crashed = own.some((message) => message.startsWith('crashed'))
  const outcome = own.length > 0 ? 'refused' : beyond.length > 0 ? 'beyond reach' : 'accepted'
  const agrees = outcome === 'beyond reach' || (outcome === 'accepted') === envoy.accepts
  return { file, envoy, nuncio, outcome, agrees: agrees && !crashed }
}

/** Compares every bootstrap of a folder; asks Envoy itself for those that have no verdict in a file, or for all. */
export function compareFolder(folder: string, askEnvoyForAll = false): Comparison[] {
  const verdicts = askEnvoyForAll ? new Map<string, EnvoyVerdict>() : readVerdicts(folder)
  return bootstrapFiles(folder).map((file) => {
    const path = join(folder, file)
    return compare(file, verdicts.get(file) ?? askEnvoy(path), askNuncio(path))
  })
}
