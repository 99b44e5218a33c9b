// Live reload: the bootstrap's file read again, checked as at the start, and what has changed in it put into force. What is
// wrong leaves everything as it is.

import { getLogger } from '../common/log.ts'
import { type ConfigErrors, type ConfigIssue, renderIssues } from '../config/errors.ts'
import { type Bootstrap, loadBootstrap } from '../config/load.ts'
import type { Counter, Gauge, Scope } from '../stats/store.ts'
import type { ClusterLifecycle } from './cluster_lifecycle.ts'
import { FileFollower } from './file_follower.ts'
import { LeavingClusters } from './leaving_clusters.ts'
import type { ListenerLifecycle } from './listener_lifecycle.ts'
import type { Options } from './options.ts'
import { changesNothing, type Difference, planReload, type ReloadPlan } from './reload_plan.ts'

const log = getLogger('config')

export interface ReloadReport {
  /** `valid`: of a dry run, this would be applied. */
  readonly result: 'applied' | 'unchanged' | 'valid' | 'refused'
  /** Undefined where the file could not be read. */
  readonly plan: ReloadPlan | undefined
  readonly issues: readonly ConfigIssue[]
}

export interface ReloadParts {
  readonly options: Options
  readonly clusters: ClusterLifecycle
  readonly listeners: ListenerLifecycle
  readonly scope: Scope
  /** In force. */
  readonly current: () => Bootstrap
  /** All checks that a bootstrap passes at the start. */
  readonly check: (bootstrap: Bootstrap, issues: ConfigErrors) => void
  /** Puts secrets and runtime layers into force, and remembers the bootstrap. */
  readonly adopt: (bootstrap: Bootstrap, plan: ReloadPlan) => Promise<void>
  /** Resolves when all workers have what has been changed so far. */
  readonly applied: () => Promise<void>
}

export class Reload {
  readonly #parts: ReloadParts
  readonly #attempts: Counter
  readonly #successes: Counter
  readonly #rejections: Counter
  /** 1 while what the file says is not what is in force. */
  readonly #isStale: Gauge
  readonly #follower: FileFollower | undefined
  readonly #leaving: LeavingClusters
  #start!: () => void
  /** Before the server serves there is nothing to change yet. */
  #running: Promise<unknown> = new Promise<void>((resolve) => {
    this.#start = resolve
  })
  #lastProblem: string | undefined = undefined

  constructor(parts: ReloadParts) {
    this.#parts = parts
    const { options, scope, clusters } = parts
    const own = scope.createScope('nuncio.reload')
    this.#attempts = own.counter('attempt')
    this.#successes = own.counter('success')
    this.#rejections = own.counter('rejected')
    this.#isStale = own.gauge('stale')
    this.#leaving = new LeavingClusters(clusters, options.drainTimeSeconds * 1000)
    const { watch, configPath } = options
    if (watch && configPath !== undefined)
      this.#follower = new FileFollower(configPath, () => void this.#onFileChange())
  }

  /** The server serves. */
  start(): void {
    this.#start()
    this.#follower?.start()
  }

  stop(): void {
    this.#follower?.stop()
    this.#leaving.stop()
  }

  /** Why the file's last version is not in force; undefined where it is. */
  get problem(): string | undefined {
    return this.#lastProblem
  }

  /** One after another, each with the file as it is by then. */
  run(dryRun: boolean): Promise<ReloadReport> {
    const report = this.#running.then(() => (dryRun ? this.#dryRun() : this.#run()))
    this.#running = report.catch(() => {})
    return report
  }

  async #onFileChange(): Promise<void> {
    try {
      await this.run(false)
    } catch (error) {
      log.error(`the reload failed: ${(error as Error).stack}`)
    }
  }

  async #dryRun(): Promise<ReloadReport> {
    const { plan, issues } = this.#read()
    return { result: issues.hasErrors ? 'refused' : 'valid', plan, issues: issues.issues }
  }

  async #run(): Promise<ReloadReport> {
    this.#attempts.inc()
    const { bootstrap, plan, issues } = this.#read()
    if (bootstrap === undefined || plan === undefined || issues.hasErrors) return this.#refuse(plan, issues)
    const result = changesNothing(plan) ? 'unchanged' : 'applied'
    if (result === 'applied') await this.#apply(bootstrap, plan, issues)
    if (issues.hasErrors) return this.#refuse(plan, issues)
    this.#successes.inc()
    this.#lastProblem = undefined
    this.#isStale.set(0)
    for (const warning of issues.warnings) log.warn(renderIssues([warning]))
    const text = `configuration reloaded: ${planText(plan)}`
    if (plan.needsRestart.length > 0) log.warn(text)
    else log.info(text)
    return { result, plan, issues: issues.issues }
  }

  #read(): { bootstrap: Bootstrap | undefined; plan: ReloadPlan | undefined; issues: ConfigErrors } {
    const { options, check, current, listeners } = this.#parts
    const { bootstrap, issues } = loadBootstrap(options)
    if (bootstrap === undefined) return { bootstrap, plan: undefined, issues }
    check(bootstrap, issues)
    const inForce = { bootstrap: current(), clusters: this.#clusterViews(), listeners: listeners.views(true) }
    const plan = planReload(inForce, bootstrap)
    const { added, modified, removed } = plan.listeners
    if (!issues.hasErrors) listeners.tryAddresses(new Map([...added, ...modified]), removed, issues)
    return { bootstrap, plan, issues }
  }

  /** What is new is there before what uses it, and what is used goes after what used it. */
  async #apply(bootstrap: Bootstrap, plan: ReloadPlan, errors: ConfigErrors): Promise<void> {
    const { clusters, listeners, adopt, applied } = this.#parts
    const origin = { isStatic: true, version: '' }
    await adopt(bootstrap, plan)
    for (const view of [...plan.clusters.added.values(), ...plan.clusters.modified.values()])
      clusters.addOrUpdate(view, origin, errors)
    await clusters.whenWarm()
    // First those that go: one that comes may have the address of one of them.
    for (const key of plan.listeners.removed) listeners.remove(key, true)
    for (const [key, view] of [...plan.listeners.added, ...plan.listeners.modified])
      listeners.addOrUpdate(view, origin, errors, key)
    await listeners.whenWarm()
    this.#leaving.apply(plan)
    await applied()
  }

  /** Those that only old connections still use are gone already, as far as the file is concerned. */
  #clusterViews(): ReturnType<ClusterLifecycle['views']> {
    const views = this.#parts.clusters.views(true)
    for (const name of this.#leaving.names()) views.delete(name)
    return views
  }

  #refuse(plan: ReloadPlan | undefined, issues: ConfigErrors): ReloadReport {
    const text = renderIssues(issues.errors)
    this.#rejections.inc()
    this.#isStale.set(1)
    log.error(`configuration not reloaded, the one before stays in force:\n${text}`)
    this.#lastProblem = text
    return { result: 'refused', plan, issues: issues.issues }
  }
}

function planText({ clusters, listeners, secrets, runtime, needsRestart }: ReloadPlan): string {
  const parts = [...differenceText('listener', listeners), ...differenceText('cluster', clusters)]
  if (secrets) parts.push('secrets')
  if (runtime) parts.push('runtime')
  if (parts.length === 0) parts.push('nothing to change')
  const rest = needsRestart.length === 0 ? '' : `; with the next start only: ${needsRestart.join(', ')}`
  return parts.join(', ') + rest
}

function differenceText(kind: string, { added, modified, removed }: Difference<unknown>): string[] {
  const text = (verb: string, count: number): string[] =>
    count === 0 ? [] : [`${count} ${kind}${count === 1 ? '' : 's'} ${verb}`]
  return [...text('added', added.size), ...text('modified', modified.size), ...text('removed', removed.length)]
}
