// How marked packets come to a transparent socket: a routing table of their own, in which every address is local.

import type { TproxyOptions } from './options.ts'

/** Arguments of `ip`, of each call. */
export function addedRoutes({ mark, routeTable }: TproxyOptions): string[][] {
  return [
    ['rule', 'add', 'fwmark', String(mark), 'lookup', String(routeTable)],
    ['route', 'add', 'local', 'default', 'dev', 'lo', 'table', String(routeTable)],
  ]
}

/** `rules` is what `ip rule show` prints. */
export function removedRoutes({ mark, routeTable }: TproxyOptions, rules: string): string[][] {
  const own = `fwmark 0x${mark.toString(16)} lookup ${routeTable}`
  const present = rules.split('\n').filter((line) => line.trimEnd().endsWith(own))
  if (present.length === 0) return []
  return [
    ...present.map(() => ['rule', 'del', 'fwmark', String(mark), 'lookup', String(routeTable)]),
    ['route', 'flush', 'table', String(routeTable)],
  ]
}
