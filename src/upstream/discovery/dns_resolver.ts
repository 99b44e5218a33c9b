// Looks names up: c-ares over configured servers, or the system's resolver.

import { getServers, lookup } from 'node:dns/promises'
import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { ipAddress, resolveSocketAddress } from '../../network/address.ts'
import type { Scope } from '../../stats/store.ts'
import { type CaresSettings, caresResolver } from './cares_resolver.ts'

export type LookupFamily = 'AUTO' | 'V4_ONLY' | 'V6_ONLY' | 'V4_PREFERRED' | 'ALL'

export interface ResolvedAddress {
  readonly ip: string
  /** Seconds; Infinity where the resolver tells none. */
  readonly ttlSeconds: number
}

/**
 * `empty`: the name exists without addresses, or does not exist: an answer. `failure`: no answer could be had. `details` are
 * Envoy's words for it.
 */
export type DnsAnswer =
  | { readonly kind: 'addresses'; readonly addresses: readonly ResolvedAddress[] }
  | { readonly kind: 'empty' | 'failure'; readonly code: string; readonly details: string }

export type NameResolver = (name: string, family: LookupFamily) => Promise<DnsAnswer>

type TypedExtensionConfig = envoy.config.core.v3.TypedExtensionConfig
type CaresConfig = envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig
type DnsResolutionConfig = envoy.config.core.v3.DnsResolutionConfig
type Address = envoy.config.core.v3.Address

const defaultQueryTimeoutSeconds = 5
const defaultQueryTries = 4
const dnsPort = 53

/** What a cluster's DNS takes from the server: the bootstrap's resolver where it has none of its own, and `dns.*` stats. */
export interface DnsEnvironment {
  readonly scope?: Scope | undefined
  readonly typedDnsResolverConfig?: TypedExtensionConfig | undefined
  readonly dnsResolutionConfig?: DnsResolutionConfig | undefined
}

/** The resolver that a cluster's settings ask for, or else the server's. `servers` are the older dns_resolvers. */
export function createResolver(
  typed: TypedExtensionConfig | undefined,
  servers: readonly Address[],
  errors: ConfigErrors,
  environment: DnsEnvironment = {},
): NameResolver {
  const older = servers.length > 0
  const chosen = typed ?? (older ? undefined : environment.typedDnsResolverConfig)
  const type = chosen?.typedConfig?.typeUrl
  if (type === 'envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig') return systemLookup
  if (type === 'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig') {
    return caresResolver(caresSettings(chosen?.typedConfig?.value as CaresConfig, errors), environment.scope)
  }
  if (chosen !== undefined) {
    errors.add(chosen, 'typedConfig', `Didn't find a registered DNS resolver implementation for '${chosen.name}'`)
  }
  const list = older ? servers : (environment.dnsResolutionConfig?.resolvers ?? [])
  return caresResolver(caresSettings({ resolvers: [...list] }, errors), environment.scope)
}

function caresSettings(view: Partial<CaresConfig>, errors: ConfigErrors): CaresSettings {
  const servers = view.useResolversAsFallback === true && getServers().length > 0 ? [] : (view.resolvers ?? [])
  return {
    servers: servers.flatMap((server) => dnsServer(server, errors)),
    queryTimeoutMs: (view.queryTimeoutSeconds ?? defaultQueryTimeoutSeconds) * 1000,
    queryTries: view.queryTries ?? defaultQueryTries,
    usesSearchDomains: view.dnsResolverOptions?.noDefaultSearchDomain !== true,
    filterUnroutableFamilies: view.filterUnroutableFamilies ?? false,
    reinitOnTimeout: view.reinitChannelOnTimeout ?? false,
  }
}

/** As c-ares takes it; nothing after reporting an address that is none. */
function dnsServer(view: Address, errors: ConfigErrors): string[] {
  if (view.pipe !== undefined) errors.add(view, 'pipe', `DNS resolver '${view.pipe.path}' is not an IP address`)
  const address = view.socketAddress === undefined ? undefined : resolveSocketAddress(view.socketAddress, errors)
  if (address === undefined) return []
  return [address.port === 0 ? ipAddress(address.ip, dnsPort).text : address.text]
}

/** getaddrinfo(3): knows /etc/hosts and the system's settings, but tells no TTL. */
const systemLookup: NameResolver = async (name, family) => {
  try {
    const wanted = family === 'V4_ONLY' ? 4 : family === 'V6_ONLY' ? 6 : 0
    const found = await lookup(name, { all: true, family: wanted, order: 'verbatim' })
    const addresses = found.map((each) => ({
      ip: each.address,
      ttlSeconds: Number.POSITIVE_INFINITY,
      v6: each.family === 6,
    }))
    return { kind: 'addresses', addresses: preferred(addresses, family) }
  } catch (error) {
    return failed(error)
  }
}

function preferred(
  addresses: readonly (ResolvedAddress & { v6: boolean })[],
  family: LookupFamily,
): readonly ResolvedAddress[] {
  if (family === 'ALL') return addresses
  const v6 = addresses.filter((each) => each.v6)
  const v4 = addresses.filter((each) => !each.v6)
  const [first, second] = family === 'AUTO' ? [v6, v4] : [v4, v6]
  return first.length > 0 ? first : second
}

function failed(error: unknown): DnsAnswer {
  const code = (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN'
  const details = code === 'ENOTFOUND' ? 'Name or service not known' : (error as Error).message
  return { kind: 'failure', code, details }
}
