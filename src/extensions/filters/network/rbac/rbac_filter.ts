// Closes connections that the rules deny, when they send their first bytes or with all that they send.

import { HeaderMap } from '../../../../common/header_map.ts'
import { Timer } from '../../../../common/timer.ts'
import { FilterStatus, type ReadFilter, type ReadFilterCallbacks } from '../../../../network/network_filter.ts'
import { denialDetails, noteForLogs, type RbacDecision, type RbacEngine } from '../../../../router/rbac/rbac_engine.ts'
import type { RbacSubject } from '../../../../router/rbac/rbac_matcher.ts'
import type { RbacStats } from '../../../../router/rbac/rbac_stats.ts'

export interface NetworkRbacSettings {
  readonly engine: RbacEngine | undefined
  readonly shadowEngine: RbacEngine | undefined
  /** Begins the names of fields of the dynamic metadata. */
  readonly metadataPrefix: string
  /** Decides anew with all that comes. */
  readonly isContinuous: boolean
  /** How long a connection that is denied stays, so that clients do not come back at once. */
  readonly delayDenyMs: number
  readonly stats: RbacStats
}

const metadataNamespace = 'envoy.filters.network.rbac'
const closeReason = 'rbac_deny_close'
const noHeaders = new HeaderMap()

export class NetworkRbacFilter implements ReadFilter {
  readonly #settings: NetworkRbacSettings
  #callbacks!: ReadFilterCallbacks
  #hasDecided = false
  #isDenied = false
  #delayTimer: Timer | undefined = undefined

  constructor(settings: NetworkRbacSettings) {
    this.#settings = settings
  }

  initializeReadFilterCallbacks(callbacks: ReadFilterCallbacks): void {
    this.#callbacks = callbacks
  }

  onNewConnection(): FilterStatus {
    return FilterStatus.Continue
  }

  onData(): FilterStatus {
    // What comes along with the first bytes that were denied is dropped with them.
    if (this.#isDenied) return FilterStatus.StopIteration
    if (this.#hasDecided && !this.#settings.isContinuous) return FilterStatus.Continue
    this.#hasDecided = true
    const { connection } = this.#callbacks
    const subject = { headers: noHeaders, streamInfo: connection.streamInfo!, route: undefined }
    this.#askShadowRules(subject)
    const decision = this.#settings.engine?.(subject)
    if (decision === undefined) return FilterStatus.Continue
    noteForLogs(decision, subject.streamInfo)
    this.#settings.stats.enforced.count(decision, false)
    if (decision.isAllowed) return FilterStatus.Continue
    this.#deny(decision)
    return FilterStatus.StopIteration
  }

  onDestroy(): void {
    this.#delayTimer?.disable()
  }

  #askShadowRules(subject: RbacSubject): void {
    const { shadowEngine, metadataPrefix, stats } = this.#settings
    if (shadowEngine === undefined) return
    const decision = shadowEngine(subject)
    stats.shadow.count(decision, false)
    const { isAllowed, policyId } = decision
    const result = { [`${metadataPrefix}shadow_engine_result`]: isAllowed ? 'allowed' : 'denied' }
    const policy = policyId === undefined ? {} : { [`${metadataPrefix}shadow_effective_policy_id`]: policyId }
    subject.streamInfo.setDynamicMetadata(metadataNamespace, { ...result, ...policy })
  }

  #deny(decision: RbacDecision): void {
    this.#isDenied = true
    const { connection } = this.#callbacks
    if (connection.streamInfo !== undefined)
      connection.streamInfo.connectionTerminationDetails = denialDetails(decision)
    const { delayDenyMs } = this.#settings
    if (delayDenyMs === 0) {
      connection.close('noFlush', closeReason)
      return
    }
    connection.readDisable(true)
    this.#delayTimer = new Timer(() => connection.close('noFlush', closeReason))
    this.#delayTimer.enable(delayDenyMs)
  }
}
