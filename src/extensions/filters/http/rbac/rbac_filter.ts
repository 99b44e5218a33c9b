// Asks the shadow rules, which only tell, and then the rules, by which a request is answered with 403.

import type { HeaderMap } from '../../../../common/header_map.ts'
import {
  FilterDataStatus,
  FilterHeadersStatus,
  FilterTrailersStatus,
  type StreamDecoderFilter,
  type StreamDecoderFilterCallbacks,
} from '../../../../http/http_filter.ts'
import { denialDetails, noteForLogs, type RbacDecision } from '../../../../router/rbac/rbac_engine.ts'
import type { RbacStats } from '../../../../router/rbac/rbac_stats.ts'
import type { RbacSettings } from './settings.ts'

const metadataNamespace = 'envoy.filters.http.rbac'

export class RbacFilter implements StreamDecoderFilter {
  readonly #settings: RbacSettings
  readonly #stats: RbacStats
  #callbacks!: StreamDecoderFilterCallbacks

  constructor(settings: RbacSettings, stats: RbacStats) {
    this.#settings = settings
    this.#stats = stats
  }

  setDecoderFilterCallbacks(callbacks: StreamDecoderFilterCallbacks): void {
    this.#callbacks = callbacks
  }

  decodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const callbacks = this.#callbacks
    const ofRoute = callbacks.perFilterConfig() as RbacSettings | undefined
    const settings = ofRoute ?? this.#settings
    const { engine, shadowEngine } = settings
    const subject = { headers, streamInfo: callbacks.streamInfo, route: callbacks.route() }
    if (shadowEngine !== undefined) {
      const decision = shadowEngine(subject)
      this.#stats.shadow.count(decision, settings.tracksPolicies)
      this.#tell(decision, `${settings.shadowMetadataPrefix}shadow`)
    }
    if (engine === undefined) return FilterHeadersStatus.Continue
    const decision = engine(subject)
    noteForLogs(decision, subject.streamInfo)
    this.#stats.enforced.count(decision, settings.tracksPolicies)
    this.#tell(decision, `${settings.metadataPrefix}enforced`)
    if (decision.isAllowed) return FilterHeadersStatus.Continue
    callbacks.sendLocalReply({ status: 403, body: 'RBAC: access denied', details: denialDetails(decision) })
    return FilterHeadersStatus.StopIteration
  }

  #tell({ isAllowed, policyId }: RbacDecision, prefix: string): void {
    const result = { [`${prefix}_engine_result`]: isAllowed ? 'allowed' : 'denied' }
    const fields = policyId === undefined ? result : { ...result, [`${prefix}_effective_policy_id`]: policyId }
    this.#callbacks.streamInfo.setDynamicMetadata(metadataNamespace, fields)
  }

  decodeData(): FilterDataStatus {
    return FilterDataStatus.Continue
  }

  decodeTrailers(): FilterTrailersStatus {
    return FilterTrailersStatus.Continue
  }

  retainsData(): boolean {
    return false
  }

  onDestroy(): void {}
}
