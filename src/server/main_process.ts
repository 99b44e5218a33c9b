// The main process: loads and checks the configuration, owns the sockets, starts and watches the workers.

import { configureLog, getLogger, reopenLog, setAllLevels } from '../common/log.ts'
import { type ConfigErrors, issuesToJson, renderIssues } from '../config/errors.ts'
import { type Bootstrap, loadBootstrap } from '../config/load.ts'
import type { ExtensionRegistry } from '../config/registry.ts'
import type { Options } from './options.ts'
import { Server } from './server.ts'
import { validateBootstrap } from './validate.ts'
import { defaultConfigHint, defaultConfigYaml, startDefaultBackend } from './default_config.ts'

const log = getLogger('main')

/** What the admin interface looks like from here: it is joined in main.ts, since server knows no endpoint. */
export type StartAdmin = (server: Server, bootstrap: Bootstrap) => Promise<void>

/** Runs until the server ends; resolves with the exit code. */
export async function runMain(given: Options, registry: ExtensionRegistry, startAdmin: StartAdmin): Promise<number> {
  const options = await withDefaultConfig(given)
  try {
    configureLog({ path: options.logPath, format: options.logFormat, escaped: options.logFormatEscaped })
  } catch (error) {
    console.error(`error: cannot open log file: ${(error as Error).message}`)
    return 1
  }
  setAllLevels(options.logLevel)
  for (const [name, level] of options.componentLogLevels) getLogger(name).level = level
  for (const flag of options.ignoredFlags) log.warn(`${flag} has no effect in nuncio`)

  const loaded = loadBootstrap(options)
  const { issues, bootstrap } = loaded
  if (bootstrap !== undefined && !issues.hasErrors) validateBootstrap(bootstrap, options, registry, issues)
  if (bootstrap === undefined || issues.hasErrors) return refuse(options, issues)
  if (options.mode === 'validate') return accept(options, issues)
  for (const warning of issues.warnings) getLogger('config').warn(renderIssues([warning]))
  return serve(options, bootstrap, registry, startAdmin)
}

async function withDefaultConfig(options: Options): Promise<Options> {
  if (options.configPath !== undefined || options.configYaml !== undefined) return options
  const { port } = await startDefaultBackend()
  console.log(defaultConfigHint)
  return { ...options, configYaml: defaultConfigYaml(port) }
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

async function serve(
  options: Options,
  bootstrap: Bootstrap,
  registry: ExtensionRegistry,
  startAdmin: StartAdmin,
): Promise<number> {
  let server: Server
  try {
    server = new Server(options, bootstrap, registry)
  } catch (error) {
    log.critical(`error initializing: ${(error as Error).message}`)
    return 1
  }
  const onSignal = (name: string): void => {
    log.warn(`caught ${name}`)
    server.quit()
  }
  process.on('SIGTERM', () => onSignal('SIGTERM'))
  process.on('SIGINT', () => onSignal('SIGINT'))
  process.on('SIGHUP', () => log.warn('caught and eating SIGHUP. See documentation for how to hot restart.'))
  process.on('SIGUSR1', () => {
    log.info('caught SIGUSR1. Reopening access logs.')
    reopenLog()
    server.reopenLogs()
  })
  try {
    await startAdmin(server, bootstrap)
    await server.start()
  } catch (error) {
    log.critical(`error starting: ${(error as Error).message}`)
    await server.stop()
    return 1
  }
  if (options.mode === 'init_only') server.quit()
  return server.ended
}


