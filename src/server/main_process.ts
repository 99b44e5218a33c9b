// The main process: loads and checks the configuration, owns the sockets, starts and watches the workers.

import { configureLog, getLogger, setAllLevels } from '../common/log.ts'
import { type ConfigErrors, issuesToJson, renderIssues } from '../config/errors.ts'
import { type Bootstrap, loadBootstrap } from '../config/load.ts'
import type { ExtensionRegistry } from '../config/registry.ts'
import { enableCoreDump } from '../os/process.ts'
import { commandLineLogSettings, logSettings } from './application_log.ts'
import { type Generation, joinGenerations } from './base_id.ts'
import { defaultConfigHint, defaultConfigYaml, startDefaultBackend } from './default_config.ts'
import { type AdminSocket, handingOver } from './hot_restart/handing_over.ts'
import type { PassedSockets } from './hot_restart/passed_sockets.ts'
import type { Options } from './options.ts'
import { Server } from './server.ts'
import { checkBootstrap } from './validate.ts'
import { versionText } from './version.ts'

const log = getLogger('main')

/**
 * What the admin interface looks like from here: it is joined in command.ts, since server knows no endpoint. Its socket may
 * be among those of the process before; undefined where there is no interface.
 */
export type StartAdmin = (
  server: Server,
  bootstrap: Bootstrap,
  passed: PassedSockets | undefined,
) => Promise<AdminSocket | undefined>

/** Runs until the server ends; resolves with the exit code. */
export async function runMain(given: Options, registry: ExtensionRegistry, startAdmin: StartAdmin): Promise<number> {
  const options = await withDefaultConfig(given)
  try {
    configureLog(commandLineLogSettings(options))
  } catch (error) {
    console.error(`error: Failed to open log-file '${options.logPath}'. (${(error as Error).message})`)
    return 1
  }
  setAllLevels(options.logLevel)
  for (const [name, level] of options.componentLogLevels) getLogger(name).level = level
  for (const warning of options.warnings) getLogger('config').warn(warning)
  if (options.enableCoreDump) enableCoreDump()

  const { issues, bootstrap } = loadBootstrap(options)
  if (bootstrap !== undefined) checkBootstrap(bootstrap, options, registry, issues)
  if (bootstrap === undefined || issues.hasErrors) return refuse(options, issues)
  if (options.mode === 'validate') return accept(options, issues)
  configureLog({ ...logSettings(bootstrap, options, issues), path: '' })
  for (const warning of issues.warnings) getLogger('config').warn(renderIssues([warning]))
  const hint = options.configYaml === given.configYaml ? '' : defaultConfigHint
  return serve(options, bootstrap, registry, startAdmin, hint)
}

/** Without any configuration there is a built-in one to try. */
async function withDefaultConfig(options: Options): Promise<Options> {
  const given = options.configPath !== undefined || options.configYaml !== undefined
  if (given || options.mode === 'validate') return options
  const { port } = await startDefaultBackend()
  // Another proxy on this machine may have the usual base id: whoever just tries this one need not know of such things.
  const useDynamicBaseId = options.useDynamicBaseId || (options.baseId === 0 && options.restartEpoch === 0)
  return { ...options, configYaml: defaultConfigYaml(port), useDynamicBaseId }
}

function refuse(options: Options, issues: ConfigErrors): number {
  if (options.mode === 'validate' && options.format === 'json') console.log(issuesToJson(issues.issues))
  else console.error(renderIssues(issues.issues))
  return 1
}

function accept(options: Options, issues: ConfigErrors): number {
  if (options.format === 'json') console.log(issuesToJson(issues.issues))
  else {
    if (issues.warnings.length > 0) console.error(renderIssues(issues.warnings))
    console.log(`configuration '${options.configPath ?? ''}' OK`)
  }
  return 0
}

/** `hint` is printed as soon as requests are answered. */
async function serve(
  options: Options,
  bootstrap: Bootstrap,
  registry: ExtensionRegistry,
  startAdmin: StartAdmin,
  hint: string,
): Promise<number> {
  let server: Server
  let generation: Generation
  try {
    generation = await joinGenerations(options)
    const { baseId, predecessor } = generation
    log.info(`initializing epoch ${options.restartEpoch} (base id=${baseId}, version=${versionText})`)
    server = new Server(options, bootstrap, registry, predecessor)
  } catch (error) {
    return failed(options, error)
  }
  const { successors, predecessor } = generation
  void predecessor?.parentEnded.then(() => server.onPredecessorEnded())
  followSignals(server)
  try {
    await predecessor?.takeAdmin()
    const admin = await startAdmin(server, bootstrap, predecessor?.sockets)
    // A worker that cannot start ends the server while it is still starting.
    await Promise.race([server.start(), server.ended])
    successors?.serve(handingOver(server, admin))
    if (server.state() === 'LIVE') await predecessor?.onServing(options.parentShutdownTimeSeconds * 1000)
    if (hint !== '') console.log(hint)
  } catch (error) {
    await server.stop()
    return failed(options, error)
  }
  if (options.mode === 'init_only') server.quit()
  const code = await server.ended
  // Who ends the newest generation means all of them.
  if (code === 0) predecessor?.terminateParent()
  successors?.close()
  return code
}

function failed(options: Options, error: unknown): number {
  const reason = error instanceof Error ? error.message : String(error)
  log.critical(`error \`${reason}\` initializing config '${options.configPath ?? ''}'`)
  return 1
}

function followSignals(server: Server): void {
  for (const name of ['SIGTERM', 'SIGINT']) {
    process.on(name, () => {
      log.warn(`caught ${name}`)
      server.quit()
    })
  }
  process.on('SIGHUP', () => log.warn('caught and eating SIGHUP. See documentation for how to hot restart.'))
  process.on('SIGUSR1', () => {
    log.info('caught SIGUSR1. Reopening access logs.')
    void server.reopenLogs()
  })
}
