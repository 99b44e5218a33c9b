// What ring hash and maglev have in common: the hosts of a priority with their shares, and the text that stands for each.

import { utf8ByteString } from '../../common/string_matcher.ts'
import type { Host } from '../host.ts'
import type { HostSet } from '../priority_set.ts'

/** Finds the host of a hash, which comes as its upper and lower 32 bits. */
export interface HashTable {
  /** `attempt` above 0 looks for another host than that of 0. */
  choose(high: number, low: number, attempt: number): Host | undefined
}

export interface WeightedHost {
  readonly host: Host
  /** Its share of all requests, up to 1. */
  readonly share: number
}

export type CreateHashTable = (hosts: readonly WeightedHost[]) => HashTable

/** The hosts that may be chosen: the healthy ones, or in a panic all. Localities count where `byLocality` says so. */
export function weightedHosts(set: HostSet, inPanic: boolean, byLocality: boolean): WeightedHost[] {
  const state = inPanic ? 'hosts' : 'healthyHosts'
  if (!byLocality || !set.hasLocalityWeights || set.localities.length === 0) return shares(set[state], 1)
  const total = set.localities.reduce((sum, { weight }) => sum + weight, 0)
  return set.localities.flatMap((each) => (each.weight === 0 ? [] : shares(each[state], each.weight / total)))
}

function shares(hosts: readonly Host[], all: number): WeightedHost[] {
  const total = hosts.reduce((sum, { weight }) => sum + weight, 0)
  return hosts.map((host) => ({ host, share: (host.weight * all) / total }))
}

/** One byte a character: `hash_key` of its metadata, its name, or its address. */
export function hashText(host: Host, useHostname: boolean): string {
  const own = host.metadata['envoy.lb']?.['hash_key']
  if (typeof own === 'string' && own !== '') return utf8ByteString(own)
  return useHostname ? utf8ByteString(host.hostname) : host.address.text
}
