// Resources of a REST service, asked for again and again (`api_type: REST`).

import { monotonicMs } from '../common/clock.ts'
import { getLogger } from '../common/log.ts'
import { Timer } from '../common/timer.ts'
import { ConfigErrors, renderIssues } from '../config/errors.ts'
import { loadResourceJson } from '../config/load.ts'
import { toProtoJson } from '../config/proto_json.ts'
import { applyUpdate } from './grpc_subscription.ts'
import { InitialFetch } from './initial_fetch.ts'
import { readDocument } from './read_document.ts'
import { type ResourceType, typeUrlOf } from './resource_types.ts'
import type { RestClient } from './rest_client.ts'
import type { DiscoveredResource, Subscription, SubscriptionCallbacks } from './subscription.ts'
import type { UpdateStats } from './update_stats.ts'

const log = getLogger('config')

export interface RestSubscriptionParts {
  readonly client: RestClient
  readonly type: ResourceType
  readonly callbacks: SubscriptionCallbacks
  readonly stats: UpdateStats
  readonly node: () => object
  readonly refreshDelayMs: number
  readonly requestTimeoutMs: number
  readonly initialFetchTimeoutMs: number
}

export class RestSubscription implements Subscription {
  readonly #parts: RestSubscriptionParts
  readonly #initialFetch: InitialFetch
  readonly #timer = new Timer(() => void this.#fetch())
  #names: readonly string[] = []
  #versionInfo = ''
  #isFetching = false
  #isStopped = false

  constructor(parts: RestSubscriptionParts) {
    this.#parts = parts
    this.#initialFetch = new InitialFetch(parts.initialFetchTimeoutMs, () => this.#onFetchTimeout())
  }

  start(names: ReadonlySet<string> | '*'): void {
    this.#names = names === '*' ? [] : [...names].sort()
    this.#initialFetch.start()
    void this.#fetch()
  }

  updateNames(names: ReadonlySet<string>): void {
    this.#names = [...names].sort()
  }

  requestOnDemandUpdate(names: ReadonlySet<string>): void {
    this.updateNames(new Set([...this.#names, ...names]))
  }

  stop(): void {
    this.#isStopped = true
    this.#timer.disable()
    this.#initialFetch.end()
    this.#parts.client.close()
  }

  async #fetch(): Promise<void> {
    if (this.#isFetching || this.#isStopped) return
    this.#isFetching = true
    this.#parts.stats.updateAttempt.inc()
    try {
      await this.#request()
    } finally {
      this.#isFetching = false
      const { refreshDelayMs } = this.#parts
      // Many proxies that start together do not stay together.
      if (!this.#isStopped) this.#timer.enable(refreshDelayMs + Math.random() * refreshDelayMs)
    }
  }

  async #request(): Promise<void> {
    const { client, type, requestTimeoutMs } = this.#parts
    let body: string | undefined
    try {
      body = await client.post(type.restPath, this.#requestJson(), requestTimeoutMs)
    } catch (error) {
      if (!this.#isStopped) this.#onFailure(error as Error)
      return
    }
    if (body !== undefined && !this.#isStopped) await this.#onAnswer(body)
  }

  #requestJson(): string {
    const { type, node } = this.#parts
    const request = {
      versionInfo: this.#versionInfo,
      node: node(),
      resourceNames: this.#names,
      typeUrl: typeUrlOf(type.name),
    }
    return JSON.stringify(toProtoJson('envoy.service.discovery.v3.DiscoveryRequest', request, { redact: false }))
  }

  #onFailure(error: Error): void {
    const { stats, type, callbacks } = this.#parts
    log.warn(`REST update for ${type.restPath} failed: ${error.message}`)
    stats.updateFailure.inc()
    callbacks.onConfigUpdateFailed('connectionFailure', error.message)
  }

  async #onAnswer(body: string): Promise<void> {
    const { stats, callbacks, type } = this.#parts
    const startedAtMs = monotonicMs()
    const issues = new ConfigErrors(type.restPath)
    this.#initialFetch.end()
    const document = loadResourceJson(type.restPath, body, issues)
    if (document === undefined) {
      this.#reject(renderIssues(issues.errors))
      return
    }
    let added: DiscoveredResource[]
    try {
      added = readDocument(document, type, issues)
    } catch (error) {
      this.#reject((error as Error).message)
      return
    }
    const { versionInfo } = document
    const update = { versionInfo, controlPlane: '', added, removed: [], stateOfTheWorld: true }
    const errors = await applyUpdate(callbacks, update)
    if (errors.length > 0) {
      this.#countRejected(type.rejection(errors))
      return
    }
    this.#versionInfo = versionInfo
    stats.onAccepted(versionInfo, monotonicMs() - startedAtMs)
  }

  #reject(message: string): void {
    this.#countRejected(message)
    this.#parts.callbacks.onConfigUpdateFailed('updateRejected', message)
  }

  #countRejected(message: string): void {
    log.warn(`REST config for ${this.#parts.type.restPath} rejected: ${message}`)
    this.#parts.stats.updateRejected.inc()
  }

  #onFetchTimeout(): void {
    const { stats, type, callbacks } = this.#parts
    log.warn(`REST config: initial fetch timeout for ${type.restPath}`)
    stats.initFetchTimeout.inc()
    callbacks.onConfigUpdateFailed('fetchTimedOut', `initial fetch timeout for ${type.restPath}`)
  }
}
