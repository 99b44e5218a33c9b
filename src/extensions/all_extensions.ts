// Every extension there is, in one explicit list; nothing registers itself by being imported.

import type { ExtensionFactory } from '../config/registry.ts'
import { fileAccessLogFactory } from './access_loggers/file/config.ts'
import { httpGrpcAccessLogFactory, tcpGrpcAccessLogFactory } from './access_loggers/grpc/config.ts'
import { stderrAccessLogFactory, stdoutAccessLogFactory } from './access_loggers/stream/config.ts'
import { aggregateCluster } from './clusters/aggregate/config.ts'
import { compositeCluster } from './clusters/composite/config.ts'
import { dynamicForwardProxyCluster } from './clusters/dynamic_forward_proxy/config.ts'
import { adaptiveConcurrencyFilter } from './filters/http/adaptive_concurrency/config.ts'
import { admissionControlFilter } from './filters/http/admission_control/config.ts'
import { bandwidthLimitFilter } from './filters/http/bandwidth_limit/config.ts'
import { connectGrpcBridgeFilter } from './filters/http/connect_grpc_bridge/config.ts'
import { corsFilter } from './filters/http/cors/config.ts'
import { dynamicForwardProxyFilter } from './filters/http/dynamic_forward_proxy/config.ts'
import { faultFilter } from './filters/http/fault/config.ts'
import { grpcHttp1BridgeFilter } from './filters/http/grpc_http1_bridge/config.ts'
import { grpcHttp1ReverseBridgeFilter } from './filters/http/grpc_http1_reverse_bridge/config.ts'
import { grpcJsonTranscoder } from './filters/http/grpc_json_transcoder/config.ts'
import { grpcStatsFilter } from './filters/http/grpc_stats/config.ts'
import { grpcWebFilter } from './filters/http/grpc_web/config.ts'
import { healthCheckFilter } from './filters/http/health_check/config.ts'
import { jwtAuthnFilter } from './filters/http/jwt_authn/config.ts'
import { httpLocalRateLimit } from './filters/http/local_ratelimit/config.ts'
import { onDemandFilter } from './filters/http/on_demand/config.ts'
import { httpRateLimit } from './filters/http/ratelimit/config.ts'
import { httpRbac } from './filters/http/rbac/config.ts'
import { routerFilter } from './filters/http/router/config.ts'
import { statefulSessionFilter } from './filters/http/stateful_session/config.ts'
import { httpInspector } from './filters/listener/http_inspector/config.ts'
import { listenerLocalRateLimit } from './filters/listener/local_ratelimit/config.ts'
import { originalDst } from './filters/listener/original_dst/config.ts'
import { originalSrc } from './filters/listener/original_src/config.ts'
import { proxyProtocol } from './filters/listener/proxy_protocol/config.ts'
import { tlsInspector } from './filters/listener/tls_inspector/config.ts'
import { connectionLimit } from './filters/network/connection_limit/config.ts'
import { directResponse } from './filters/network/direct_response/config.ts'
import { echo } from './filters/network/echo/config.ts'
import { httpConnectionManager } from './filters/network/http_connection_manager/config.ts'
import { localRateLimit } from './filters/network/local_ratelimit/config.ts'
import { networkRateLimit } from './filters/network/ratelimit/config.ts'
import { networkRbac } from './filters/network/rbac/config.ts'
import { sniCluster } from './filters/network/sni_cluster/config.ts'
import { sniDynamicForwardProxy } from './filters/network/sni_dynamic_forward_proxy/config.ts'
import { tcpProxy } from './filters/network/tcp_proxy/config.ts'
import { metadataFormatterFactory } from './formatter/metadata/config.ts'
import { reqWithoutQueryFormatterFactory } from './formatter/req_without_query/config.ts'
import { fileEventSink } from './health_check/event_sink/file/config.ts'
import { grpcHealthChecker } from './health_checkers/grpc/config.ts'
import { httpHealthChecker } from './health_checkers/http/config.ts'
import { tcpHealthChecker } from './health_checkers/tcp/config.ts'
import { earlyHeaderMutation } from './http/early_header_mutation/header_mutation/config.ts'
import { customHeaderIpDetection } from './http/original_ip_detection/custom_header/config.ts'
import { xffIpDetection } from './http/original_ip_detection/xff/config.ts'
import { cookieSession } from './http/stateful_session/cookie/config.ts'
import { envelopeSession } from './http/stateful_session/envelope/config.ts'
import { headerSession } from './http/stateful_session/header/config.ts'
import { allowListedRoutes } from './internal_redirect_predicates/allow_listed_routes/config.ts'
import { filterStateRedirects } from './internal_redirect_predicates/filter_state/config.ts'
import { previousRoutes } from './internal_redirect_predicates/previous_routes/config.ts'
import { safeCrossScheme } from './internal_redirect_predicates/safe_cross_scheme/config.ts'
import { clientSideWeightedRoundRobin } from './load_balancing_policies/client_side_weighted_round_robin/config.ts'
import { clusterProvided } from './load_balancing_policies/cluster_provided/config.ts'
import { leastRequest } from './load_balancing_policies/least_request/config.ts'
import { maglev } from './load_balancing_policies/maglev/config.ts'
import { overrideHost } from './load_balancing_policies/override_host/config.ts'
import { random } from './load_balancing_policies/random/config.ts'
import { ringHash } from './load_balancing_policies/ring_hash/config.ts'
import { roundRobin } from './load_balancing_policies/round_robin/config.ts'
import { subset } from './load_balancing_policies/subset/config.ts'
import { wrrLocality } from './load_balancing_policies/wrr_locality/config.ts'
import { upstreamIpPort } from './rbac/matchers/upstream_ip_port/config.ts'
import { mtlsAuthenticated } from './rbac/principals/mtls_authenticated/config.ts'
import { cgroupMemory } from './resource_monitors/cgroup_memory/config.ts'
import { cpuUtilization } from './resource_monitors/cpu_utilization/config.ts'
import { eventLoopDelay } from './resource_monitors/event_loop_delay/config.ts'
import { fixedHeap } from './resource_monitors/fixed_heap/config.ts'
import { injectedResource } from './resource_monitors/injected_resource/config.ts'
import { omitCanaryHosts } from './retry_host_predicates/omit_canary_hosts/config.ts'
import { omitHostMetadata } from './retry_host_predicates/omit_host_metadata/config.ts'
import { previousHosts } from './retry_host_predicates/previous_hosts/config.ts'
import { previousPriorities } from './retry_priorities/previous_priorities/config.ts'
import { matcherClusterSpecifier } from './router/cluster_specifier_plugin/matcher/config.ts'
import { rawBufferDownstreamFactory, rawBufferUpstreamFactory } from './transport_sockets/raw_buffer/config.ts'
import { startTlsDownstreamFactory, startTlsUpstreamFactory } from './transport_sockets/starttls/config.ts'
import { tlsDownstreamFactory, tlsUpstreamFactory } from './transport_sockets/tls/config.ts'
import { proxyProtocolUpstreamFactory } from './transport_sockets/upstream_proxy_protocol/config.ts'

export const allExtensions: readonly ExtensionFactory[] = [
  // HTTP filters
  adaptiveConcurrencyFilter,
  admissionControlFilter,
  bandwidthLimitFilter,
  connectGrpcBridgeFilter,
  corsFilter,
  dynamicForwardProxyFilter,
  faultFilter,
  grpcHttp1BridgeFilter,
  grpcHttp1ReverseBridgeFilter,
  grpcJsonTranscoder,
  grpcStatsFilter,
  grpcWebFilter,
  healthCheckFilter,
  jwtAuthnFilter,
  httpLocalRateLimit,
  onDemandFilter,
  httpRateLimit,
  httpRbac,
  routerFilter,
  statefulSessionFilter,
  // Network filters
  connectionLimit,
  directResponse,
  echo,
  httpConnectionManager,
  localRateLimit,
  networkRateLimit,
  networkRbac,
  sniCluster,
  sniDynamicForwardProxy,
  tcpProxy,
  // Listener filters
  httpInspector,
  listenerLocalRateLimit,
  originalDst,
  originalSrc,
  proxyProtocol,
  tlsInspector,
  // Transport sockets
  proxyProtocolUpstreamFactory,
  rawBufferDownstreamFactory,
  rawBufferUpstreamFactory,
  startTlsDownstreamFactory,
  startTlsUpstreamFactory,
  tlsDownstreamFactory,
  tlsUpstreamFactory,
  // Load balancing policies
  clientSideWeightedRoundRobin,
  clusterProvided,
  leastRequest,
  maglev,
  overrideHost,
  random,
  ringHash,
  roundRobin,
  subset,
  wrrLocality,
  // Clusters
  aggregateCluster,
  compositeCluster,
  dynamicForwardProxyCluster,
  // What names the clusters of routes
  matcherClusterSpecifier,
  // What RBAC asks for, beside its own
  mtlsAuthenticated,
  upstreamIpPort,
  // Health checkers and where their events go
  fileEventSink,
  grpcHealthChecker,
  httpHealthChecker,
  tcpHealthChecker,
  // Retries
  omitCanaryHosts,
  omitHostMetadata,
  previousHosts,
  previousPriorities,
  // Internal redirects
  allowListedRoutes,
  filterStateRedirects,
  previousRoutes,
  safeCrossScheme,
  // Resource monitors
  cgroupMemory,
  cpuUtilization,
  eventLoopDelay,
  fixedHeap,
  injectedResource,
  // Early header mutation
  earlyHeaderMutation,
  // Original IP detection
  customHeaderIpDetection,
  xffIpDetection,
  // Where sessions are kept
  cookieSession,
  envelopeSession,
  headerSession,
  // Access loggers and their formatters
  fileAccessLogFactory,
  httpGrpcAccessLogFactory,
  tcpGrpcAccessLogFactory,
  metadataFormatterFactory,
  reqWithoutQueryFormatterFactory,
  stderrAccessLogFactory,
  stdoutAccessLogFactory,
]
