// Which HTTP a cluster's connections speak: from its HttpProtocolOptions, or from the older fields of the cluster itself.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { absenceNote } from '../config/registry.ts'
import type { UpstreamHttpOptions } from './cluster_info.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type HttpProtocolOptions = envoy.extensions.upstreams.http.v3.HttpProtocolOptions

const optionsType = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const rawBufferType = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'
const forwardProxyType = 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig'
const upstreamCodecType = 'envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec'

export function upstreamHttpOptions(view: ClusterView, errors: ConfigErrors): UpstreamHttpOptions {
  for (const [name, config] of Object.entries(view.typedExtensionProtocolOptions)) {
    if (config.typeUrl === optionsType && name === optionsType) continue
    const note = config.typeUrl === optionsType ? '' : absenceNote(config.typeUrl)
    const message = `Didn't find a registered network or http filter or protocol options implementation for name: '${name}'${note}`
    errors.add(view, 'typedExtensionProtocolOptions', message)
  }
  const typed = view.typedExtensionProtocolOptions[optionsType]
  if (typed === undefined) return optionsOfCluster(view, errors)
  const options = typed.value as HttpProtocolOptions
  for (const filter of options.httpFilters) {
    if (filter.typedConfig?.typeUrl === upstreamCodecType) continue
    errors.add(filter, 'name', `upstream HTTP filter '${filter.name}' is not supported`)
  }
  if (options.autoConfig !== undefined && !agreesOnProtocols(view)) {
    const message = `ALPN configured for cluster ${view.name} which has a non-ALPN transport socket`
    errors.add(options, 'autoConfig', message, { expected: 'a transport_socket that speaks TLS' })
  }
  return typedOptions(options)
}

/** Whether the cluster's transport socket can ask hosts which protocol they speak. One that is not here is refused itself. */
function agreesOnProtocols({ transportSocket }: ClusterView): boolean {
  const type = transportSocket?.typedConfig?.typeUrl ?? ''
  return type !== '' && type !== rawBufferType
}

/** The fields that HttpProtocolOptions have replaced. */
function optionsOfCluster(view: ClusterView, errors: ConfigErrors): UpstreamHttpOptions {
  const { httpProtocolOptions: http1, http2ProtocolOptions: http2 } = view
  const { commonHttpProtocolOptions: common } = view
  const upstream = view.upstreamHttpProtocolOptions ?? impliedOptions(view)
  const explicit = http2 === undefined ? 'http1' : 'http2'
  const usesDownstream = view.protocolSelection === 'USE_DOWNSTREAM_PROTOCOL'
  if (http1 !== undefined && http2 !== undefined && !usesDownstream) {
    const message = "Both HTTP1 and HTTP2 options may only be configured with non-default 'protocol_selection' values"
    errors.add(view, 'http2ProtocolOptions', message)
  }
  const protocol = usesDownstream ? 'downstream' : explicit
  return { protocol, upstream, common, http1, http2, outlierDetection: undefined, mirrorPolicies: [] }
}

/** Clients name the hosts of a forward proxy: unless told otherwise it believes nobody who is not whom they named. */
function impliedOptions({ clusterType }: ClusterView): UpstreamHttpOptions['upstream'] {
  if (clusterType?.typedConfig?.typeUrl !== forwardProxyType) return undefined
  return { autoSni: true, autoSanValidation: true, overrideAutoSniHeader: '' }
}

function typedOptions(options: HttpProtocolOptions): UpstreamHttpOptions {
  const { explicitHttpConfig, autoConfig, useDownstreamProtocolConfig } = options
  const { upstreamHttpProtocolOptions: upstream, commonHttpProtocolOptions: common } = options
  const chosen = explicitHttpConfig ?? autoConfig ?? useDownstreamProtocolConfig
  const http1 = chosen?.httpProtocolOptions
  const http2 = chosen?.http2ProtocolOptions
  let protocol: UpstreamHttpOptions['protocol'] = http2 === undefined ? 'http1' : 'http2'
  if (autoConfig !== undefined) protocol = 'auto'
  else if (useDownstreamProtocolConfig !== undefined) protocol = 'downstream'
  const { outlierDetection, requestMirrorPolicies: mirrorPolicies } = options
  return { protocol, upstream, common, http1, http2, outlierDetection, mirrorPolicies }
}
