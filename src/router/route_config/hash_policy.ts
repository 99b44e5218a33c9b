// hash_policy: the number by which ring hash and maglev choose a host for a request.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { xxHash64 } from '../../common/hash.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { RequestHash } from '../../http/route.ts'
import { setCookie } from '../../http/set_cookie.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import { cookieValue, queryParameter } from '../request_values.ts'
import { regexReplacement } from './path_rewrite.ts'

type HashPolicy = envoy.config.route.v3.RouteAction.HashPolicy

interface CompiledPolicy {
  readonly hash: RequestHash
  readonly terminal: boolean
}

/** Undefined for no policies. */
export function compileHashPolicies(views: readonly HashPolicy[], errors: ConfigErrors): RequestHash | undefined {
  const policies = views.flatMap((view) => compilePolicy(view, errors))
  if (policies.length === 0) return undefined
  return (headers, streamInfo, addCookie) => {
    let hash: bigint | undefined
    for (const policy of policies) {
      const value = policy.hash(headers, streamInfo, addCookie)
      if (value !== undefined) hash = hash === undefined ? value : rotated(hash) ^ value
      if (policy.terminal && hash !== undefined) break
    }
    return hash
  }
}

/** Left by one bit, so that the order of the policies counts. */
function rotated(hash: bigint): bigint {
  return BigInt.asUintN(64, hash << 1n) | (hash >> 63n)
}

function compilePolicy(view: HashPolicy, errors: ConfigErrors): CompiledPolicy[] {
  const { terminal } = view
  switch (view.policySpecifier) {
    case 'header':
      return [{ hash: headerHash(view.header!, errors), terminal }]
    case 'cookie':
      return [{ hash: cookieHash(view.cookie!), terminal }]
    case 'connectionProperties':
      return view.connectionProperties?.sourceIp === true ? [{ hash: sourceIpHash, terminal }] : []
    case 'queryParameter': {
      const { name } = view.queryParameter!
      return [{ hash: (headers) => hashOf(queryParameter(headers.path, name)), terminal }]
    }
    case 'filterState': {
      const { key } = view.filterState!
      return [{ hash: (_headers, streamInfo) => hashOf(textState(streamInfo, key)), terminal }]
    }
    default:
      errors.add(view, undefined, 'field: "policy_specifier", reason: is required')
      return []
  }
}

function hashOf(value: string | undefined): bigint | undefined {
  return value === undefined ? undefined : xxHash64(value)
}

function textState(streamInfo: StreamInfo, key: string): string | undefined {
  const value = streamInfo.filterState.get(key)
  return typeof value === 'string' ? value : undefined
}

const sourceIpHash: RequestHash = (_headers, streamInfo) => {
  const { ip } = streamInfo.remoteAddress
  return ip === '' ? undefined : xxHash64(ip)
}

/** Repeated values are sorted first, so that their order does not count. */
function headerHash(view: envoy.config.route.v3.RouteAction.HashPolicy.Header, errors: ConfigErrors): RequestHash {
  const name = view.headerName.toLowerCase()
  const replace = view.regexRewrite === undefined ? undefined : regexReplacement(view.regexRewrite, errors)
  return (headers) => {
    const values = headers.getAll(name)
    if (values.length === 0) return undefined
    const rewritten = replace === undefined ? values : values.map(replace)
    if (rewritten.length === 1) return xxHash64(rewritten[0])
    return rewritten.sort().reduce((hash, value) => xxHash64(value, hash), 0n)
  }
}

/** A missing cookie with a ttl is made up from the connection's addresses and handed to the client. */
function cookieHash(view: envoy.config.route.v3.RouteAction.HashPolicy.Cookie): RequestHash {
  const { name, ttl } = view
  const maxAge = ttl === undefined || ttl === 0 ? undefined : Math.floor(ttl / 1000)
  const given = { maxAge, path: view.path, attributes: view.attributes }
  return (headers, streamInfo, addCookie) => {
    const value = cookieValue(headers, name)
    if (value !== undefined && value !== '') return xxHash64(value)
    if (ttl === undefined || addCookie === undefined) return undefined
    const made = madeCookie(streamInfo)
    addCookie(setCookie(name, made, given))
    return xxHash64(made)
  }
}

function madeCookie({ downstream }: StreamInfo): string {
  const hash = xxHash64(downstream.remoteAddress.text + downstream.localAddress.text)
  return hash.toString(16).padStart(16, '0')
}
