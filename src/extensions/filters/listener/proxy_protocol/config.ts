// envoy.filters.listener.proxy_protocol: PROXY protocol headers in front of connections.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { ListenerFactoryContext, ListenerFilterConfigFactory } from '../../../../network/factory.ts'
import type { ListenerFilterFactoryCb } from '../../../../network/listener_filter.ts'
import type { Scope } from '../../../../stats/store.ts'
import { ProxyProtocolFilter, type ProxyProtocolSettings, type ProxyProtocolStats } from './proxy_protocol.ts'
import { compileTlvRules } from './tlv_rules.ts'

type ProxyProtocolView = envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
type PassThroughTlvs = envoy.config.core.v3.ProxyProtocolPassThroughTLVs

export const proxyProtocol: ListenerFilterConfigFactory<ProxyProtocolView> = {
  category: 'envoy.filters.listener',
  name: 'envoy.filters.listener.proxy_protocol',
  typeUrls: ['envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol'],
  createFilterFactory(config: ProxyProtocolView, context: ListenerFactoryContext): ListenerFilterFactoryCb {
    const settings: ProxyProtocolSettings = {
      allowWithout: config.allowRequestsWithoutProxyProtocol,
      allowV1: !config.disallowedVersions.includes('V1'),
      allowV2: !config.disallowedVersions.includes('V2'),
      passesOn: compilePassThrough(config.passThroughTlvs),
      keep: compileTlvRules(config),
      stats: createStats(config.statPrefix, context),
    }
    if (!settings.allowV1 && !settings.allowV2) {
      const message = 'Proxy Protocol filter is misconfigured: all proxy protocol versions are disallowed.'
      context.errors.add(config, 'disallowedVersions', message)
    }
    return () => new ProxyProtocolFilter(settings)
  },
}

function compilePassThrough(view: PassThroughTlvs | undefined): (type: number) => boolean {
  if (view === undefined) return () => false
  if (view.matchType === 'INCLUDE_ALL') return () => true
  const types = new Set(view.tlvType.map((type) => type & 0xff))
  return (type) => types.has(type)
}

function createStats(statPrefix: string, context: ListenerFactoryContext): ProxyProtocolStats {
  const scope = context.scope.createScope(statPrefix === '' ? 'proxy_proto' : `proxy_proto.${statPrefix}`)
  return {
    notFoundAllowed: scope.counter('not_found_allowed'),
    notFoundDisallowed: scope.counter('not_found_disallowed'),
    v1: versionStats(scope.createScope('versions.v1')),
    v2: versionStats(scope.createScope('versions.v2')),
    error: context.scope.counter('downstream_cx_proxy_proto_error'),
  }
}

function versionStats(scope: Scope): ProxyProtocolStats['v1'] {
  return { found: scope.counter('found'), disallowed: scope.counter('disallowed'), error: scope.counter('error') }
}
