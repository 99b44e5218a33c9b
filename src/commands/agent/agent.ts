// The agent of one pod: what it renders, runs, watches and answers.

import { join } from 'node:path'
import { getLogger } from '../../common/log.ts'
import { programPath } from '../../server/channel.ts'
import { FileFollower } from '../../server/file_follower.ts'
import { Supervisor } from '../supervise/supervisor.ts'
import { Admin } from './admin.ts'
import { readApplicationProbes } from './application_probes.ts'
import { drain } from './drain.ts'
import { applicationMetrics } from './metrics.ts'
import { type AgentNode, agentNode } from './node.ts'
import type { AgentOptions } from './options.ts'
import { renderBootstrap, writeIfChanged } from './render.ts'
import { StatusServer } from './status_server.ts'

const log = getLogger('main')
const probesVariables = ['NUNCIO_APP_PROBERS', 'ISTIO_KUBE_APP_PROBERS'] as const

export class Agent {
  readonly #options: AgentOptions
  readonly #environment: NodeJS.ProcessEnv
  readonly #configPath: string
  readonly #supervisor: Supervisor
  readonly #admin: Admin
  readonly #status: StatusServer
  readonly #followers: readonly FileFollower[]
  #isDraining = false

  /** Renders the bootstrap. Throws where that, or what the environment says, is wrong. */
  constructor(options: AgentOptions, environment: NodeJS.ProcessEnv) {
    this.#options = options
    this.#environment = environment
    this.#configPath = join(options.configDir, 'bootstrap.yaml')
    const node = agentNode(options, environment)
    this.#render(node)
    this.#supervisor = new Supervisor(programPath, this.#proxyFlags(), { restarts: true })
    this.#admin = new Admin(options.adminPort)
    const { ANNOTATIONS: annotations } = node.metadata
    const probes = probesVariables.map((name) => environment[name]).find((value) => value !== undefined)
    this.#status = new StatusServer({
      admin: this.#admin,
      hasDiscovery: options.discoveryAddress !== '',
      applicationMetrics: applicationMetrics(annotations as Record<string, string>),
      probes: readApplicationProbes(probes ?? '{}'),
      isDraining: () => this.#isDraining,
      quit: () => void this.stop('a request'),
    })
    this.#followers = [
      ...options.watched.map((path) => new FileFollower(path, () => this.#supervisor.startNext(`${path} has changed`))),
      ...(options.templatePath === undefined ? [] : [this.#templateFollower(options.templatePath)]),
    ]
  }

  /** The exit code. */
  async run(): Promise<number> {
    await this.#status.listen(this.#options.statusPort)
    this.#supervisor.startNext('first start')
    for (const follower of this.#followers) follower.start()
    const code = await this.#supervisor.ended
    for (const follower of this.#followers) follower.stop()
    this.#status.close()
    return code
  }

  /** Drains first; a second time ends at once. */
  async stop(why: string): Promise<void> {
    log.warn(`ending by ${why}`)
    if (!this.#isDraining) {
      this.#isDraining = true
      await drain(this.#admin, this.#options)
    }
    this.#supervisor.stop('SIGTERM')
  }

  signalProxy(signal: NodeJS.Signals): void {
    this.#supervisor.signalNewest(signal)
  }

  #render(node: AgentNode): boolean {
    const changed = writeIfChanged(this.#configPath, renderBootstrap(this.#options, node))
    log.info(`${this.#configPath} ${changed ? 'is written' : 'is as it was'}`)
    return changed
  }

  /** A template with a mistake changes nothing. */
  #templateFollower(path: string): FileFollower {
    return new FileFollower(path, () => {
      try {
        if (this.#render(agentNode(this.#options, this.#environment))) this.#supervisor.startNext(`${path} has changed`)
      } catch (error) {
        log.error(`${path}: ${(error as Error).message}`)
      }
    })
  }

  #proxyFlags(): string[] {
    const { drainSeconds, parentShutdownSeconds, adminPort, proxyFlags } = this.#options
    // Of agents of one machine each has another admin port.
    const baseId = proxyFlags.includes('--base-id') ? [] : ['--base-id', String(adminPort)]
    const times = ['--drain-time-s', String(drainSeconds), '--parent-shutdown-time-s', String(parentShutdownSeconds)]
    return ['-c', this.#configPath, ...baseId, ...times, ...proxyFlags]
  }
}
