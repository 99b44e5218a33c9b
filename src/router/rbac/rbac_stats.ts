// What RBAC filters count: decisions, and where a filter asks for it those of each policy.

import type { Counter, Scope } from '../../stats/store.ts'
import type { RbacDecision } from './rbac_engine.ts'

/** `<prefix>rbac.<rules prefix>.` for what is enforced, with the other prefix for shadow rules. */
export interface RbacStats {
  readonly enforced: DecisionStats
  readonly shadow: DecisionStats
}

export function createRbacStats(
  scope: Scope,
  prefix: string,
  rulesStatPrefix: string,
  shadowRulesStatPrefix: string,
): RbacStats {
  return {
    enforced: new DecisionStats(scope, `${prefix}rbac.${joinable(rulesStatPrefix)}`, ''),
    shadow: new DecisionStats(scope, `${prefix}rbac.${joinable(shadowRulesStatPrefix)}`, 'shadow_'),
  }
}

/** With one dot at its end. */
export function joinable(prefix: string): string {
  return prefix === '' || prefix.endsWith('.') ? prefix : `${prefix}.`
}

export class DecisionStats {
  readonly #scope: Scope
  readonly #prefix: string
  readonly #allowedName: string
  readonly #deniedName: string
  readonly #allowed: Counter
  readonly #denied: Counter
  /** Routes have policies of their own: which there are is known when they decide. */
  readonly #ofPolicies = new Map<string, Counter>()

  constructor(scope: Scope, prefix: string, kind: '' | 'shadow_') {
    this.#scope = scope
    this.#prefix = prefix
    this.#allowedName = `${kind}allowed`
    this.#deniedName = `${kind}denied`
    this.#allowed = scope.counter(`${prefix}${this.#allowedName}`)
    this.#denied = scope.counter(`${prefix}${this.#deniedName}`)
  }

  count({ isAllowed, policyId }: RbacDecision, perPolicy: boolean): void {
    const counter = isAllowed ? this.#allowed : this.#denied
    counter.inc()
    if (perPolicy && policyId !== undefined) this.#ofPolicy(policyId, isAllowed).inc()
  }

  #ofPolicy(policyId: string, isAllowed: boolean): Counter {
    const name = `${this.#prefix}policy.${policyId}.${isAllowed ? this.#allowedName : this.#deniedName}`
    let counter = this.#ofPolicies.get(name)
    if (counter === undefined) {
      counter = this.#scope.counter(name)
      this.#ofPolicies.set(name, counter)
    }
    return counter
  }
}
