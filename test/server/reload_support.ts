// What the tests of live reload share: a server that runs a file, and files for it.

import { writeFileSync } from 'node:fs'
import { afterEach } from 'vitest'
import { setAllLevels } from '../../src/common/log.ts'
import { renderIssues } from '../../src/config/errors.ts'
import { loadBootstrap } from '../../src/config/load.ts'
import { Server } from '../../src/server/server.ts'
import { httpRequest } from '../support/http_get.ts'
import { optionsOf, portOf, registryOfAll, TestFolder } from './support.ts'

/** What a test leaves behind, ended after it, the last first. */
export const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

export interface Answering {
  readonly name: string
  readonly text: string
  /** Further fields of the listener. */
  readonly more?: string
  /** Further filter chains, by the port that clients must come from. */
  readonly otherChains?: string
}

export function listener({ name, text, more = '', otherChains = '' }: Answering): string {
  return `
  - name: ${name}
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    ${more}
    filter_chains: ${otherChains}
    - ${chain(text)}`
}

export function chain(text: string): string {
  const type = 'type.googleapis.com/envoy.extensions.filters'
  const routes = `[{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: ${text}}}}]`
  const manager = `{"@type": ${type}.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: s,
      route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: ${routes}}]},
      http_filters: [{name: router, typed_config: {"@type": ${type}.http.router.v3.Router}}]}`
  return `filters: [{name: http, typed_config: ${manager}}]`
}

export const bootstrap = (...listeners: readonly string[]): string =>
  `static_resources:\n  listeners:${listeners.join('')}\n`

export interface Running {
  readonly server: Server
  readonly folder: TestFolder
  /** Writes the file and reloads. */
  reload(yaml: string): ReturnType<Server['reload']>
}

interface Created extends Running {
  readonly started: () => Promise<void>
}

/** A server of a file `envoy.yaml`, or of another one below a folder of the test's own. */
export function create(yaml: string, ...flags: readonly string[]): Created {
  setAllLevels('critical')
  const folder = new TestFolder()
  stops.push(() => folder[Symbol.dispose]())
  return createIn(folder, folder.file('envoy.yaml', yaml), ...flags)
}

export function createIn(folder: TestFolder, path: string, ...flags: readonly string[]): Created {
  setAllLevels('critical')
  const options = optionsOf('-c', path, '--disable-hot-restart', '-l', 'critical', '--concurrency', '2', ...flags)
  const loaded = loadBootstrap(options)
  if (loaded.bootstrap === undefined || loaded.issues.hasErrors) throw new Error(renderIssues(loaded.issues.issues))
  const server = new Server(options, loaded.bootstrap, registryOfAll())
  stops.push(() => server.stop())
  return {
    server,
    folder,
    started: () => server.start(),
    reload(next) {
      writeFileSync(path, next)
      return server.reload(false)
    },
  }
}

export async function start(yaml: string, ...flags: readonly string[]): Promise<Running> {
  const created = create(yaml, ...flags)
  await created.started()
  return created
}

export async function get(server: Server, name: string): Promise<string> {
  return (await httpRequest(`127.0.0.1:${portOf(server, name)}`, '/')).body
}
