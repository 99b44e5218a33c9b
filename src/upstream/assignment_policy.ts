// `policy` of a load assignment: how health is measured, and what is dropped before it gets to a host.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { AssignmentPolicy, DropOverload } from './priority_set.ts'

type ClusterLoadAssignment = envoy.config.endpoint.v3.ClusterLoadAssignment
type PolicyView = envoy.config.endpoint.v3.ClusterLoadAssignment.Policy

const denominators = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 } as const

/** What is wrong with the policy goes to `errors`. */
export function assignmentPolicy(
  assignment: ClusterLoadAssignment | undefined,
  errors: ConfigErrors,
): AssignmentPolicy | undefined {
  const view = assignment?.policy
  if (view === undefined) return undefined
  return {
    overprovisioningFactor: view.overprovisioningFactor,
    weightedPriorityHealth: view.weightedPriorityHealth,
    dropOverload: dropOverload(view, errors),
  }
}

function dropOverload(view: PolicyView, errors: ConfigErrors): DropOverload | undefined {
  const list = view.dropOverloads
  if (list.length > 1) {
    const text = `Cluster drop_overloads config has ${list.length} categories. Envoy only support one.`
    errors.add(view, 'dropOverloads', text)
    return undefined
  }
  if (list.length === 0) return undefined
  const [{ category, dropPercentage }] = list
  const { numerator, denominator: name } = dropPercentage ?? { numerator: 0, denominator: 'HUNDRED' }
  const denominator = denominators[name]
  const ratio = numerator / denominator
  if (ratio > 1) {
    const what = `drop_ratio=${ratio}(Numerator ${numerator} / Denominator ${denominator})`
    errors.add(view, 'dropOverloads', `Cluster drop_overloads config is invalid. ${what}. The valid range is 0~1.`)
    return undefined
  }
  return ratio === 0 ? undefined : { category, millionths: Math.round(ratio * denominators.MILLION) }
}
