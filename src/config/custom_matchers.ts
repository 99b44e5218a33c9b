// The matchers that a matcher tree names as extensions: IP ranges, server names, and fractions of all values.

import type { envoy, xds } from '../../proto/generated/api.d.ts'
import { type CidrRange, CidrTable, parseIp } from '../common/cidr.ts'
import { xxHash64 } from '../common/hash.ts'
import type { StringPredicate } from '../common/string_matcher.ts'
import { readCidrRanges, readCidrSet } from './cidr_ranges.ts'
import type { ConfigErrors } from './errors.ts'
import { denominators, type Runtime } from './runtime.ts'

type ExtensionView = xds.core.v3.TypedExtensionConfig
type OnMatchView = xds.type.matcher.v3.Matcher.OnMatch
type IpView = envoy.extensions.matching.input_matchers.ip.v3.Ip
type RuntimeFractionView = envoy.extensions.matching.input_matchers.runtime_fraction.v3.RuntimeFraction
type ConsistentHashingView = envoy.extensions.matching.input_matchers.consistent_hashing.v3.ConsistentHashing
type IpMatcherView = xds.type.matcher.v3.IPMatcher
type ServerNameMatcherView = xds.type.matcher.v3.ServerNameMatcher

/** All others divide it. */
const largestDenominator = BigInt(denominators['MILLION'])

/** What a branch of a tree leads to. */
type Search<Data, Action> = (data: Data) => Action | undefined
/** Finds the branch for a value of the input. */
type ValueSearch<Data, Action> = (value: string, data: Data) => Action | undefined
type CompileOnMatch<Data, Action> = (view: OnMatchView) => Search<Data, Action>

const inputMatchers = 'envoy.extensions.matching.input_matchers'
const ipInput = `${inputMatchers}.ip.v3.Ip`
const fractionInput = `${inputMatchers}.runtime_fraction.v3.RuntimeFraction`
const hashInput = `${inputMatchers}.consistent_hashing.v3.ConsistentHashing`
const ipTree = 'xds.type.matcher.v3.IPMatcher'
const serverNameTree = 'xds.type.matcher.v3.ServerNameMatcher'

/** Undefined after reporting a matcher that is not known here. */
export function compileCustomPredicate(
  view: ExtensionView,
  errors: ConfigErrors,
  runtime: Runtime,
): StringPredicate | undefined {
  const { typeUrl, value } = view.typedConfig ?? { typeUrl: '', value: undefined }
  if (typeUrl === ipInput) return compileIpPredicate(value as IpView, errors)
  if (typeUrl === fractionInput) return compileFraction(value as RuntimeFractionView, runtime)
  if (typeUrl === hashInput) return compileHash(value as ConsistentHashingView)
  refuse(view, typeUrl, errors, `${ipInput}, ${fractionInput} or ${hashInput}`)
  return undefined
}

function compileIpPredicate(view: IpView, errors: ConfigErrors): StringPredicate {
  const ranges = readCidrSet(view.cidrRanges, errors)
  return (text) => {
    const address = parseIp(text)
    return address !== undefined && ranges.contains(address)
  }
}

/** A value's hash is its draw: the same values match for as long as the fraction stays. */
function compileFraction({ runtimeFraction, seed }: RuntimeFractionView, runtime: Runtime): StringPredicate {
  const holds = runtime.fraction(runtimeFraction ?? { defaultValue: undefined, runtimeKey: '' })
  return (text) => holds(Number(xxHash64(text, BigInt(seed)) % largestDenominator))
}

function compileHash({ threshold, modulo, seed }: ConsistentHashingView): StringPredicate {
  return (text) => xxHash64(text, BigInt(seed)) % BigInt(modulo) >= BigInt(threshold)
}

/** As above, for the matcher that is a whole tree by itself. */
export function compileCustomTree<Data, Action>(
  view: ExtensionView,
  errors: ConfigErrors,
  compileOnMatch: CompileOnMatch<Data, Action>,
): ValueSearch<Data, Action> | undefined {
  const { typeUrl, value } = view.typedConfig ?? { typeUrl: '', value: undefined }
  if (typeUrl === ipTree) return compileIpTree(value as IpMatcherView, errors, compileOnMatch)
  if (typeUrl === serverNameTree)
    return compileServerNameTree(value as ServerNameMatcherView, view, errors, compileOnMatch)
  refuse(view, typeUrl, errors, `${ipTree} or ${serverNameTree}`)
  return undefined
}

function refuse(view: ExtensionView, typeUrl: string, errors: ConfigErrors, expected: string): void {
  const message = `Didn't find a registered implementation for '${view.name}' with type URL: '${typeUrl}'`
  errors.add(view, 'typedConfig', message, { expected })
}

interface IpBranch<Data, Action> {
  readonly range: CidrRange
  readonly exclusive: boolean
  readonly search: Search<Data, Action>
}

/** The narrowest range wins; where it leads to nothing wider ones are tried, but for exclusive ones. */
function compileIpTree<Data, Action>(
  view: IpMatcherView,
  errors: ConfigErrors,
  compileOnMatch: CompileOnMatch<Data, Action>,
): ValueSearch<Data, Action> {
  const branches = view.rangeMatchers.flatMap((matcher): IpBranch<Data, Action>[] => {
    const search = matcher.onMatch === undefined ? () => undefined : compileOnMatch(matcher.onMatch)
    return readCidrRanges(matcher.ranges, errors).map((range) => ({ range, exclusive: matcher.exclusive, search }))
  })
  const table = new CidrTable<readonly IpBranch<Data, Action>[]>()
  for (const { range } of branches) {
    const holding = branches.filter((other) => holds(other.range, range))
    holding.sort((a, b) => b.range.prefixLength - a.range.prefixLength)
    table.set(range, holding)
  }
  return (value, data) => {
    const address = parseIp(value)
    const holding = address === undefined ? undefined : table.find(address)
    if (holding === undefined) return undefined
    for (const branch of holding) {
      if (branch.exclusive && branch.range.prefixLength < holding[0].range.prefixLength) continue
      const action = branch.search(data)
      if (action !== undefined) return action
    }
    return undefined
  }
}

function holds(wide: CidrRange, narrow: CidrRange): boolean {
  return wide.prefixLength <= narrow.prefixLength && wide.contains(narrow.network)
}

/** An exact name, then suffixes from the longest on (`*.example.com`), then `*`. */
function compileServerNameTree<Data, Action>(
  view: ServerNameMatcherView,
  owner: object,
  errors: ConfigErrors,
  compileOnMatch: CompileOnMatch<Data, Action>,
): ValueSearch<Data, Action> {
  const branches = new Map<string, Search<Data, Action>>()
  for (const matcher of view.domainMatchers) {
    const search = matcher.onMatch === undefined ? () => undefined : compileOnMatch(matcher.onMatch)
    for (const domain of matcher.domains) {
      if (branches.has(domain)) errors.add(matcher, 'domains', `Duplicate domain in ServerNameMatcher: ${domain}`)
      if (domain.includes('*') && domain !== '*' && !/^\*\.[^*]+$/.test(domain)) {
        errors.add(matcher, 'domains', `Invalid wildcard domain format: ${domain}`)
      }
      branches.set(domain, search)
    }
  }
  if (branches.size === 0) errors.add(owner, 'typedConfig', 'a server name matcher needs domains')
  return (value, data) => {
    const exact = branches.get(value)?.(data)
    if (exact !== undefined) return exact
    for (let dot = value.indexOf('.'); dot >= 0; dot = value.indexOf('.', dot + 1)) {
      const action = branches.get(`*${value.slice(dot)}`)?.(data)
      if (action !== undefined) return action
    }
    return branches.get('*')?.(data)
  }
}
