/** Finds a browser that runs without a screen, or installs Debian's: it is the judge of gRPC-Web and CORS. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const debianPackage = 'chromium-headless-shell'
/** Each understands the same flags. */
const commands = [debianPackage, 'chrome-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'chrome']
const advice = `install one of ${commands.join(', ')}, on Debian with: apt-get install ${debianPackage}`

/** Longer than any download takes. */
export const BROWSER_INSTALL_TIMEOUT_MS = 600_000

let found: string | undefined

/** The path of the browser's command; throws with advice where there is none and none can be installed. */
export function ensureBrowser(): string {
  found ??= findInPath() ?? install()
  return found
}

function findInPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':').filter((folder) => folder !== '')
  const candidates = commands.flatMap((command) => folders.map((folder) => join(folder, command)))
  return candidates.find((candidate) => existsSync(candidate))
}

function install(): string {
  if (process.getuid?.() !== 0) throw new Error(`there is no browser in PATH; ${advice}`)
  // Two test processes may come here at once: the second waits, and then finds the package there.
  const script = `apt-get update -qq && apt-get install -y -qq -o DPkg::Lock::Timeout=120 --no-install-recommends ${debianPackage}`
  const result = spawnSync('flock', [join(tmpdir(), 'nuncio-apt.lock'), 'sh', '-c', script], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    encoding: 'utf8',
    timeout: BROWSER_INSTALL_TIMEOUT_MS,
  })
  const browser = findInPath()
  if (result.status === 0 && browser !== undefined) return browser
  const reason = `${result.error?.message ?? ''}${result.stderr ?? ''}`.trim()
  throw new Error(`there is no browser in PATH, and ${debianPackage} could not be installed: ${reason}; ${advice}`)
}
