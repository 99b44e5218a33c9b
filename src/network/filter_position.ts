// The rule of every chain of filters: one that ends it stands last, and no other does.

import type { ConfigErrors } from '../config/errors.ts'
import type { ExtensionFactory } from '../config/registry.ts'

export interface FilterPosition {
  /** As the configuration calls the filter. */
  readonly name: string
  readonly isLast: boolean
  readonly chain: 'network' | 'http' | 'http upgrade'
}

/** What is wrong is said of `at`, in Envoy's words. */
export function checkFilterPosition(
  factory: ExtensionFactory & { readonly isTerminal: boolean },
  { name, isLast, chain }: FilterPosition,
  at: object,
  errors: ConfigErrors,
): void {
  if (factory.isTerminal === isLast) return
  const filter = `filter named ${name} of type ${factory.name}`
  const message = isLast
    ? `Error: non-terminal ${filter} is the last filter in a ${chain} filter chain.`
    : `Error: terminal ${filter} must be the last filter in a ${chain} filter chain.`
  errors.add(at, undefined, message)
}
