/** Installs a command written in Go into node_modules/.cache; the outside judges of HTTP/2 and gRPC are such commands. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface GoTool {
  /** The import path of the command. */
  readonly package: string
  readonly version: string
}

/** Longer than any build takes that has to fetch everything first. */
export const INSTALL_TIMEOUT_MS = 600_000

/** The path of the installed command; throws with advice where it cannot be installed. */
export function ensureGoTool(tool: GoTool): string {
  const wanted = `${tool.package}@${tool.version}`
  const folder = join(import.meta.dirname, '../../node_modules/.cache/go', wanted)
  const binary = join(folder, basename(tool.package))
  if (existsSync(binary)) return binary
  mkdirSync(folder, { recursive: true })
  // Go builds beside the target and renames, so that a second test process finds all of the file or nothing.
  const result = spawnSync('go', ['install', wanted], {
    cwd: folder,
    env: { ...process.env, GOBIN: folder, GOFLAGS: '' },
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
  })
  if (result.status === 0 && existsSync(binary)) return binary
  const isMissing = (result.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
  const reason = isMissing ? 'there is no go command in PATH' : `${result.error?.message ?? ''}${result.stderr}`.trim()
  throw new Error(
    `${wanted} could not be installed: ${reason}; install Go (https://go.dev/dl) and run: go install ${wanted}`,
  )
}
