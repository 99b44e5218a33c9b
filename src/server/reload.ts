// Live reload: the bootstrap's file read again, checked as at the start, and what has changed in it put into force. What is
// wrong leaves everything as it is.

import { watch } from 'node:fs'
import { dirname } from 'node:path'
import { getLogger } from '../common/log.ts'
import { type ConfigErrors, type ConfigIssue, renderIssues } from '../config/errors.ts'
import { type Bootstrap, loadBootstrap } from '../config/load.ts'
import type { Counter, Gauge, Scope } from '../stats/store.ts'
import type { ClusterLifecycle } from './cluster_lifecycle.ts'
import type { ListenerLifecycle } from './listener_lifecycle.ts'
import type { Options } from './options.ts'
import { changesNothing, type Difference, planReload, type ReloadPlan } from './reload_plan.ts'

const log = getLogger('config')
/** An editor or a ConfigMap makes several changes in its folder for one of the file. */
const settleMs = 50

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
  #running: Promise<unknown> = Promise.resolve()
  #lastProblem: string | undefined = undefined

  constructor(parts: ReloadParts) {
    this.#parts = parts
    const own = parts.scope.createScope('nuncio.reload')
    this.#attempts = own.counter('attempt')
    this.#successes = own.counter('success')
    this.#rejections = own.counter('rejected')
    this.#isStale = own.gauge('stale')
  }

  /** Why the file's last version is not in force; undefined where it is. */
  get problem(): string | undefined {
    return this.#lastProblem
  }

  /** One after another. */
  run(dryRun: boolean): Promise<ReloadReport> {
    const report = this.#running.then(() => (dryRun ? this.#dryRun() : this.#run()))
    this.#running = report
    return report
  }

  /** Follows the file: it may be written in place, moved over, or be a symlink that is, as in a ConfigMap. Returns the end of it. */
  follow(path: string): () => void {
    let timer: NodeJS.Timeout | undefined
    const watcher = watch(dirname(path), () => {
      clearTimeout(timer)
      timer = setTimeout(() => void this.run(false), settleMs)
    })
    watcher.on('error', (error) => log.warn(`cannot watch ${dirname(path)} any longer: ${error.message}`))
    watcher.unref()
    return () => {
      clearTimeout(timer)
      watcher.close()
    }
  }

  async #dryRun(): Promise<ReloadReport> {
    const { plan, issues } = this.#read()
    return { result: issues.hasErrors ? 'refused' : 'valid', plan, issues: issues.issues }
  }

  async #run(): Promise<ReloadReport> {
    const { bootstrap, plan, issues } = this.#read()
    if (bootstrap === undefined || plan === undefined || issues.hasErrors) return this.#refuse(plan, issues)
    if (changesNothing(plan)) {
      this.#onSuccess()
      return { result: 'unchanged', plan, issues: issues.issues }
    }
    this.#attempts.inc()
    await this.#apply(bootstrap, plan, issues)
    if (issues.hasErrors) return this.#refuse(plan, issues)
    this.#successes.inc()
    this.#onSuccess()
    log.info(`configuration reloaded: ${planText(plan)}`)
    return { result: 'applied', plan, issues: issues.issues }
  }

  #read(): { bootstrap: Bootstrap | undefined; plan: ReloadPlan | undefined; issues: ConfigErrors } {
    const { options, check, current, listeners, clusters } = this.#parts
    const { bootstrap, issues } = loadBootstrap(options)
    if (bootstrap === undefined) return { bootstrap, plan: undefined, issues }
    check(bootstrap, issues)
    const inForce = { bootstrap: current(), clusters: clusters.views(true), listeners: listeners.views(true) }
    const plan = planReload(inForce, bootstrap)
    const { added, modified, removed } = plan.listeners
    if (!issues.hasErrors) listeners.checkAddresses(new Map([...added, ...modified]), removed, issues)
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
    for (const name of plan.clusters.removed) clusters.remove(name, true)
    await applied()
  }

  #refuse(plan: ReloadPlan | undefined, issues: ConfigErrors): ReloadReport {
    const text = renderIssues(issues.errors)
    if (text !== this.#lastProblem) {
      this.#rejections.inc()
      log.error(`configuration not reloaded, the one before stays in force:\n${text}`)
    }
    this.#lastProblem = text
    this.#isStale.set(1)
    return { result: 'refused', plan, issues: issues.issues }
  }

  #onSuccess(): void {
    this.#lastProblem = undefined
    this.#isStale.set(0)
  }
}

function planText({ clusters, listeners, secrets, runtime, needsRestart }: ReloadPlan): string {
  const parts = [...differenceText('listener', listeners), ...differenceText('cluster', clusters)]
  if (secrets) parts.push('secrets')
  if (runtime) parts.push('runtime')
  const rest = needsRestart.length === 0 ? '' : `; with the next start only: ${needsRestart.join(', ')}`
  return parts.join(', ') + rest
}

function differenceText(kind: string, { added, modified, removed }: Difference<unknown>): string[] {
  const text = (verb: string, count: number): string[] =>
    count === 0 ? [] : [`${count} ${kind}${count === 1 ? '' : 's'} ${verb}`]
  return [...text('added', added.size), ...text('modified', modified.size), ...text('removed', removed.length)]
}
