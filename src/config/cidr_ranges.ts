// CIDR ranges of a configuration, with errors where an address is none.

import type { envoy } from '../../proto/generated/api.d.ts'
import { CidrRange, CidrSet } from '../common/cidr.ts'
import type { ConfigErrors } from './errors.ts'

type CidrView = envoy.config.core.v3.CidrRange
type RangeView = Pick<CidrView, 'addressPrefix' | 'prefixLen'>

/** The ranges; those whose address is none are reported and left out. */
export function readCidrRanges(views: readonly RangeView[], errors: ConfigErrors): CidrRange[] {
  return views.flatMap((view) => {
    const range = CidrRange.create(view.addressPrefix, view.prefixLen ?? 0)
    if (range !== undefined) return [range]
    errors.add(view, 'addressPrefix', `malformed IP address: ${view.addressPrefix}`, {
      expected: 'an IPv4 or IPv6 address',
    })
    return []
  })
}

/** As above, where it only matters whether one of them holds an address. */
export function readCidrSet(views: readonly RangeView[], errors: ConfigErrors): CidrSet {
  return new CidrSet(readCidrRanges(views, errors))
}
