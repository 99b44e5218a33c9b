// One of request_mirror_policies, of a route or of a cluster.

import type { FormatterContext } from '../access_log/formatter.ts'
import type { HeaderMap } from '../common/header_map.ts'

/** Where a copy of a request goes. */
export interface ShadowPolicy {
  /** '' where the request names none. */
  clusterName(headers: HeaderMap): string
  /** `random`: a whole number from 0 on, the same for all policies of a request. */
  isChosen(random: number): boolean
  /** Makes the request's headers those of the copy. */
  changeHeaders(headers: HeaderMap, ctx: FormatterContext): void
}
