// Finds the pinned Node runtime that the package brings, so that a machine whose own Node is older works.
// Plain JavaScript for any Node from 20 on: everything else of the project runs on the pinned one.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)
const oldestUsableMajor = 24

/** Path of the pinned Node binary, or of the running one where none is installed and it is new enough. */
export function pinnedNode() {
  const platformPackage = `node-${process.platform}-${process.arch}`
  try {
    return join(dirname(require.resolve(`${platformPackage}/package.json`)), 'bin', 'node')
  } catch {
    if (Number(process.versions.node.split('.')[0]) >= oldestUsableMajor) return process.execPath
    console.error(
      `nuncio: no pinned runtime (${platformPackage}) is installed, and Node ${process.versions.node} is older than ${oldestUsableMajor}`,
    )
    process.exit(1)
  }
}

/** In a checkout: installs the locked dependencies if they are missing or not those of the lock file. */
export function ensureInstalled() {
  const lock = join(packageRoot, 'package-lock.json')
  if (!existsSync(lock)) return
  const installed = join(packageRoot, 'node_modules', '.package-lock.json')
  const generated = join(packageRoot, 'proto', 'generated', 'api.d.ts')
  if (existsSync(generated) && existsSync(installed) && isAsLocked(lockedPackages(lock), lockedPackages(installed)))
    return
  console.error('nuncio: installing dependencies (npm ci) ...')
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: packageRoot, stdio: ['ignore', 2, 2] })
  if (result.status !== 0) process.exit(result.status ?? 1)
}

function lockedPackages(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages
}

/** Optional packages may be left out: most are for other machines. */
function isAsLocked(locked, installed) {
  return Object.entries(locked).every(([path, { version, optional, devOptional }]) => {
    if (path === '') return true
    const found = installed[path]
    return found === undefined ? optional === true || devOptional === true : found.version === version
  })
}

export function hasPackage(name) {
  return existsSync(join(packageRoot, 'node_modules', name, 'package.json'))
}

/** Path of a dependency's command, to be run with the pinned Node; undefined where no package has that command. */
export function packageCommand(name) {
  const link = join(packageRoot, 'node_modules', '.bin', name)
  return existsSync(link) ? link : undefined
}

/** Runs the pinned Node with these arguments, passes signals on, and ends as it ends. */
export function runPinned(args) {
  const node = pinnedNode()
  const child = spawn(node, args, {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
  })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'])
    process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`nuncio: cannot start ${node}: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
