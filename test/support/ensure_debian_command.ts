/** Finds a command, or installs Debian's package of it: some tests need programs that npm does not have. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface DebianCommand {
  /** For messages: `browser`. */
  readonly what: string
  readonly debianPackage: string
  /** The first that is in PATH is taken. */
  readonly commands: readonly string[]
}

/** Longer than any download takes. */
export const DEBIAN_INSTALL_TIMEOUT_MS = 600_000

/** The path of the command; throws with advice where there is none and none can be installed. */
export function ensureDebianCommand(wanted: DebianCommand): string {
  return findInPath(wanted.commands) ?? install(wanted)
}

function findInPath(commands: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':').filter((folder) => folder !== '')
  const candidates = commands.flatMap((command) => folders.map((folder) => join(folder, command)))
  return candidates.find((candidate) => existsSync(candidate))
}

function install({ what, debianPackage, commands }: DebianCommand): string {
  const advice = `install one of ${commands.join(', ')}, on Debian with: apt-get install ${debianPackage}`
  if (process.getuid?.() !== 0) throw new Error(`there is no ${what} in PATH; ${advice}`)
  // Two test processes may come here at once: the second waits, and then finds the package there.
  const script = `apt-get update -qq && apt-get install -y -qq -o DPkg::Lock::Timeout=120 --no-install-recommends ${debianPackage}`
  const result = spawnSync('flock', [join(tmpdir(), 'nuncio-apt.lock'), 'sh', '-c', script], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    encoding: 'utf8',
    timeout: DEBIAN_INSTALL_TIMEOUT_MS,
  })
  const path = findInPath(commands)
  if (result.status === 0 && path !== undefined) return path
  const reason = `${result.error?.message ?? ''}${result.stderr ?? ''}`.trim()
  throw new Error(`there is no ${what} in PATH, and ${debianPackage} could not be installed: ${reason}; ${advice}`)
}
