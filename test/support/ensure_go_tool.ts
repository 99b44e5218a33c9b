/** Installs a command written in Go into node_modules/.cache; the outside judges of HTTP/2 and gRPC are such commands. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface GoTool {
  /** The import path of the command. */
  readonly package: string
  readonly version: string
  /** Its module replaces modules by its own folders, which `go install` refuses: it is built as a dependency instead. */
  readonly hasReplacements?: boolean
}

/** Longer than any build takes that has to fetch everything first. */
export const INSTALL_TIMEOUT_MS = 600_000

const cacheFolder = join(import.meta.dirname, '../../node_modules/.cache/go')

/** The path of the installed command; throws with advice where it cannot be installed. */
export function ensureGoTool(tool: GoTool): string {
  const wanted = `${tool.package}@${tool.version}`
  const folder = join(cacheFolder, wanted)
  const binary = join(folder, basename(tool.package))
  if (existsSync(binary)) return binary
  mkdirSync(folder, { recursive: true })
  const problem =
    tool.hasReplacements === true ? buildAsDependency(tool, folder, binary) : go(folder, ['install', wanted])
  if (problem === undefined && existsSync(binary)) return binary
  throw new Error(`${wanted} could not be installed: ${problem}; it needs Go (https://go.dev/dl)`)
}

/** The same for a program of our own: a folder with `main.go` and `go.mod`. It is built again when its source changes. */
export function ensureGoProgram(source: string): string {
  const hash = createHash('sha256')
    .update(readFileSync(join(source, 'main.go')))
    .update(readFileSync(join(source, 'go.mod')))
  const name = basename(source)
  const folder = join(cacheFolder, name, hash.digest('hex').slice(0, 16))
  const binary = join(folder, name)
  if (existsSync(binary)) return binary
  cpSync(source, folder, { recursive: true })
  const problem = go(folder, ['build', '-mod=mod', '-o', binary, '.'])
  if (problem === undefined) return binary
  throw new Error(`${name} could not be built: ${problem}; it needs Go (https://go.dev/dl)`)
}

function buildAsDependency(tool: GoTool, folder: string, binary: string): string | undefined {
  writeFileSync(join(folder, 'go.mod'), 'module tool\n\ngo 1.24\n')
  // Go builds beside the target and renames, so that a second test process finds all of the file or nothing.
  return go(folder, ['get', `${tool.package}@${tool.version}`]) ?? go(folder, ['build', '-o', binary, tool.package])
}

/** What went wrong, if anything did. */
function go(folder: string, args: readonly string[]): string | undefined {
  const result = spawnSync('go', args, {
    cwd: folder,
    env: { ...process.env, GOBIN: folder, GOFLAGS: '' },
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
  })
  if (result.status === 0) return undefined
  const isMissing = (result.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
  return isMissing ? 'there is no go command in PATH' : `${result.error?.message ?? ''}${result.stderr}`.trim()
}
