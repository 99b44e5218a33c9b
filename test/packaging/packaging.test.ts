/** The packed tarball, installed in an empty folder, is a working `nuncio` command. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { httpRequest } from '../support/http_get.ts'

const repository = join(import.meta.dirname, '../..')
const installTimeoutMs = 240_000
const waitMs = 20_000

let scratch = ''
let installed = ''
const running: ChildProcess[] = []

/** What npm tells the scripts it runs is not for the npm of this test. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_(lifecycle|package|command)/.test(name))
  return Object.fromEntries(inherited)
}

function run(command: string, args: readonly string[], cwd: string): string {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: installTimeoutMs, env: cleanEnvironment() })
  const said = `${result.stdout}${result.stderr}`
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.error?.message ?? said}`)
  return result.stdout
}

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'nuncio-packaging-'))
  run('npm', ['pack', '--silent', '--pack-destination', scratch], repository)
  const tarball = readdirSync(scratch).find((name) => name.endsWith('.tgz'))
  if (tarball === undefined) throw new Error('npm pack made no tarball')
  installed = join(scratch, 'empty')
  mkdirSync(installed)
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(scratch, tarball)], installed)
}, installTimeoutMs)

afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
  if (scratch !== '') rmSync(scratch, { recursive: true, force: true })
})

const command = () => join(installed, 'node_modules/.bin/nuncio')

async function until<T>(value: () => T | undefined | Promise<T | undefined>, what: () => string): Promise<T> {
  const deadline = performance.now() + waitMs
  for (;;) {
    const found = await value()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`not in ${waitMs} ms: ${what()}`)
    await delay(20)
  }
}

describe('the tarball', () => {
  it('holds compiled code, the API bundle and the licence, but no sources and no tests', () => {
    const folder = join(installed, 'node_modules/nuncio')
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    for (const name of ['LICENSE', 'README.md', 'bin/nuncio.mjs', 'dist/src/main.js', 'dist/proto/generated/api.json'])
      expect(files).toContain(name)
    expect(files.filter((name) => name.endsWith('.ts'))).toEqual([])
    expect(files.filter((name) => /(^|\/)(test|bench|examples)\//.test(name))).toEqual([])
  })

  it('answers npx nuncio --version with the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string }
    expect(run('npx', ['--no-install', 'nuncio', '--version'], installed)).toContain(`nuncio/${version}/`)
  })

  it('refuses a bad file with a position and exit code 1', () => {
    const path = join(scratch, 'bad.yaml')
    writeFileSync(path, 'admin:\n  adress: {}\n')
    const result = spawnSync(command(), ['--mode', 'validate', '-c', path], { encoding: 'utf8', timeout: waitMs })
    expect(result.stderr).toContain('bad.yaml:2:3')
    expect(result.status).toBe(1)
  })

  it('serves a file, and ends at SIGTERM', async () => {
    const path = join(scratch, 'serve.yaml')
    const addressPath = join(scratch, 'admin_address')
    writeFileSync(path, serveYaml)
    const child = spawn(command(), ['-c', path, '--concurrency', '1', '--admin-address-path', addressPath])
    running.push(child)
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    const exit = once(child, 'exit')
    const admin = await until(
      () => {
        if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${said}`)
        const text = existsSync(addressPath) ? readFileSync(addressPath, 'utf8').trim() : ''
        return text.includes(':') ? text : undefined
      },
      () => `an admin address: ${said}`,
    )
    const ready = async () =>
      (await httpRequest(admin, '/ready').catch(() => undefined))?.status === 200 ? true : undefined
    await until(ready, () => `ready: ${said}`)
    const { body } = await httpRequest(admin, '/listeners?format=json')
    const port = JSON.parse(body).listener_statuses[0].local_address.socket_address.port_value
    const answer = await httpRequest(`127.0.0.1:${port}`, '/')
    expect([answer.status, answer.body]).toEqual([200, 'packed\n'])
    child.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
  })
})

const serveYaml = `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  listeners:
  - name: main
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: { prefix: / }
                direct_response: { status: 200, body: { inline_string: "packed\\n" } }
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
`
