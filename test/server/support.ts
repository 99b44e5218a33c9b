// What the tests of this folder share: a server inside the test process, with real workers.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setAllLevels } from '../../src/common/log.ts'
import { renderIssues } from '../../src/config/errors.ts'
import { loadBootstrap } from '../../src/config/load.ts'
import { ExtensionRegistry } from '../../src/config/registry.ts'
import { allExtensions } from '../../src/extensions/all_extensions.ts'
import { type Options, parseCommandLine } from '../../src/server/options.ts'
import { Server } from '../../src/server/server.ts'

export function registryOfAll(): ExtensionRegistry {
  const registry = new ExtensionRegistry()
  for (const factory of allExtensions) registry.register(factory)
  return registry
}

export function optionsOf(...args: string[]): Options {
  const command = parseCommandLine(args)
  if (command.kind !== 'run') throw new Error(`not a command line to run: ${JSON.stringify(command)}`)
  return command.options
}

/** Why the command line is refused. */
export function refusalOf(...args: string[]): string {
  const command = parseCommandLine(args)
  if (command.kind !== 'error') throw new Error(`accepted: ${args.join(' ')}`)
  return command.message
}

export async function startServer(yaml: string, ...flags: string[]): Promise<Server> {
  setAllLevels('critical')
  const options = optionsOf('--config-yaml', yaml, '--disable-hot-restart', '-l', 'critical', ...flags)
  const { bootstrap, issues } = loadBootstrap(options)
  if (bootstrap === undefined || issues.hasErrors) throw new Error(renderIssues(issues.issues))
  const server = new Server(options, bootstrap, registryOfAll())
  await server.start()
  return server
}

export function portOf(server: Server, listenerName: string): number {
  const listener = server.listeners().find(({ built }) => built.name === listenerName)
  if (listener === undefined) throw new Error(`no listener ${listenerName}`)
  return listener.addresses[0].port
}

/** The value of a counter or gauge, all workers added up; undefined where it has never been used. */
export function statOf(server: Server, name: string): number | undefined {
  const { counters, gauges } = server.stats.snapshot()
  return [...counters, ...gauges].find((stat) => stat.name === name)?.value()
}

/** Asks again until the condition holds; bounded, and says what it waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A folder for one test, removed by `[Symbol.dispose]`. */
export class TestFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'server-test-'))

  file(name: string, text: string): string {
    const path = join(this.path, name)
    writeFileSync(path, text)
    return path
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** A listener on a free port whose connection manager answers every request itself. */
export function answeringListener(name: string, more = ''): string {
  return `
  - name: ${name}
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    ${more}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ${name}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{ match: { prefix: / }, direct_response: { status: 200, body: { inline_string: answered } } }]
          http_filters:
          - name: router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }`
}

export function bootstrapYaml(...listeners: string[]): string {
  return `static_resources:\n  listeners:${listeners.join('')}\n`
}
