/** The tags Envoy extracts by default, with its names and patterns (listed with Envoy's well-known tag names). */
import {
  createRegexExtractor,
  createTokenExtractor,
  type RegexExtractorOptions,
  type RegexGroup,
  type TagExtractor,
  type TagRegex,
} from './tag_extractor.ts'

const TAG_VALUE = String.raw`[^\.]+`
const ADDRESS = String.raw`(?:(?:\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[[a-fA-F_\d]+\])_\d+)`
const CIPHER = String.raw`[\w-]+`
const LISTENER_OR_CLUSTER = String.raw`(?:listener|cluster)\..*?`

// Each in the order in which Envoy tries it, which is the order of the labels printed.
const REGEX_TAGS: readonly (readonly [tagName: string, pattern: string, options?: RegexExtractorOptions])[] = [
  ['envoy.response_code', String.raw`_rq(_(\d{3}))$`, { substring: '_rq_' }],
  ['envoy.response_code_class', String.raw`_rq_((\d))xx$`, { substring: '_rq_' }],
  [
    'envoy.dynamo_partition_id',
    String.raw`^http\.${TAG_VALUE}\.dynamodb\.table\.${TAG_VALUE}\.capacity\.${TAG_VALUE}(\.__partition_id=(\w{7}))$`,
    { substring: '.dynamodb.table.' },
  ],
  [
    'envoy.dynamo_operation',
    String.raw`^http\.${TAG_VALUE}\.dynamodb.(?:operation|table\.${TAG_VALUE}\.capacity)(\.(${TAG_VALUE}))(?:\.|$)`,
    { substring: '.dynamodb.' },
  ],
  [
    'envoy.dynamo_table',
    String.raw`^http\.${TAG_VALUE}\.dynamodb.(?:table|error)\.((${TAG_VALUE})\.)`,
    { substring: '.dynamodb.' },
  ],
  ['envoy.ssl_cipher', String.raw`^listener\..*?\.ssl\.ciphers(\.(${CIPHER}))$`, { substring: '.ssl.ciphers.' }],
  ['envoy.ssl_curve', String.raw`^${LISTENER_OR_CLUSTER}\.ssl\.curves(\.(${CIPHER}))$`, { substring: '.ssl.curves.' }],
  [
    'envoy.ssl_sigalg',
    String.raw`^${LISTENER_OR_CLUSTER}\.ssl\.sigalgs(\.(${CIPHER}))$`,
    { substring: '.ssl.sigalgs.' },
  ],
  [
    'envoy.ssl_version',
    String.raw`^${LISTENER_OR_CLUSTER}\.ssl\.versions(\.(TLSv\d\.\d))$`,
    { substring: '.ssl.versions.' },
  ],
  ['cipher_suite', String.raw`^cluster\.${TAG_VALUE}\.ssl\.ciphers(\.(${CIPHER}))$`, { substring: '.ssl.ciphers.' }],
  ['envoy.http_conn_manager_prefix', String.raw`^listener\..*?\.http\.((${TAG_VALUE})\.)`, { substring: '.http.' }],
  [
    'envoy.worker_id',
    String.raw`^(?:listener\.(?:${ADDRESS}|${TAG_VALUE})|server|listener_manager|thread_local_cluster_manager)\.worker_((\d+)\.)`,
    { substring: '.worker_' },
  ],
  ['envoy.listener_address', String.raw`^listener\.((${ADDRESS}|${TAG_VALUE})\.)`, { exceptValue: 'admin' }],
  ['envoy.rds_route_config', String.raw`^http\.${TAG_VALUE}\.rds\.(([\w\-./]+)\.)\w+?$`, { substring: '.rds.' }],
  [
    'envoy.scoped_rds_config',
    String.raw`^http\.${TAG_VALUE}\.scoped_rds\.(([\w\-.]+)\.)\w+?$`,
    { substring: '.scoped_rds.' },
  ],
  [
    'envoy.rbac_policy_name',
    String.raw`^http\.${TAG_VALUE}\.rbac\.(?:${TAG_VALUE}\.)?policy\.((${TAG_VALUE})\.)(allowed|shadow_allowed|denied|shadow_denied)$`,
  ],
  ['envoy.rbac_http_prefix', String.raw`^http\.${TAG_VALUE}\.rbac\.((${TAG_VALUE})\.).*?`, { exceptValue: 'policy' }],
  ['envoy.proxy_protocol_prefix', String.raw`^proxy_proto\.((${TAG_VALUE})\.).+$`, { exceptValue: 'versions' }],
  ['envoy.proxy_protocol_version', String.raw`^proxy_proto\.((?:${TAG_VALUE}\.)?versions\.v(\d)\.)\w+$`],
  [
    'envoy.tls_certificate',
    String.raw`^${LISTENER_OR_CLUSTER}\.ssl\.certificate\.((${TAG_VALUE})\.).*$`,
    { substring: '.ssl.certificate' },
  ],
  ['envoy.xds_resource_name', String.raw`^sds\.((${TAG_VALUE})\.).+`],
  [
    'envoy.health_check_name',
    String.raw`^cluster\.${TAG_VALUE}\.health_check(\.name\.(${TAG_VALUE}))\..+`,
    { substring: '.health_check.' },
  ],
  // Not Envoy's: the workers' own health, see node_health.ts.
  ['envoy.worker_id', String.raw`^nuncio\.worker_((\d+)\.)`],
]

const TOKEN_TAGS: readonly (readonly [tagName: string, pattern: string])[] = [
  ['envoy.mongo_callsite', 'mongo.*.collection.*.callsite.$.query.**'],
  ['envoy.mongo_collection', 'mongo.*.collection.$.**.query.*'],
  ['envoy.mongo_cmd', 'mongo.*.cmd.$.**'],
  ['envoy.grpc_bridge_method', 'cluster.*.grpc.*.$.**'],
  ['envoy.http_user_agent', 'http.*.user_agent.$.**'],
  ['envoy.virtual_cluster', 'vhost.*.vcluster.$.**'],
  ['envoy.fault_downstream_cluster', 'http.*.fault.$.**'],
  ['envoy.grpc_bridge_service', 'cluster.*.grpc.$.**'],
  ['envoy.tcp_prefix', 'tcp.$.**'],
  ['envoy.udp_prefix', 'udp.$.**'],
  ['envoy.clientssl_prefix', 'auth.clientssl.$.**'],
  ['envoy.ratelimit_prefix', 'ratelimit.$.**'],
  ['envoy.cluster_name', 'cluster.$.**'],
  ['envoy.ext_authz_prefix', 'cluster.*.ext_authz.$.**'],
  ['envoy.ext_authz_prefix', 'http.*.ext_authz.$.**'],
  ['envoy.http_conn_manager_prefix', 'http.$.**'],
  ['envoy.virtual_host', 'vhost.$.**'],
  ['envoy.mongo_prefix', 'mongo.$.**'],
  ['envoy.route', 'vhost.*.route.$.**'],
  ['envoy.thrift_prefix', 'thrift.$.**'],
  ['envoy.redis_prefix', 'redis.$.**'],
  ['envoy.local_http_ratelimit_prefix', '$.http_local_rate_limit.**'],
  ['envoy.local_network_ratelimit_prefix', 'local_rate_limit.$.**'],
  ['envoy.local_listener_ratelimit_prefix', 'listener_local_ratelimit.$.**'],
  ['envoy.dns_filter_prefix', 'dns_filter.$.**'],
  ['envoy.connection_limit_prefix', 'connection_limit.$.**'],
  ['envoy.rbac_prefix', '$.rbac.**'],
  ['envoy.google_grpc_client_prefix', 'grpc.$.**'],
]

/** Extractors of all default tags, regexes first, as Envoy tries them. */
export function createDefaultExtractors(): TagExtractor[] {
  return [
    ...REGEX_TAGS.map(([tagName, pattern, options]) =>
      createRegexExtractor(tagName, pattern, fixedPattern(pattern), options),
    ),
    ...TOKEN_TAGS.map(([tagName, pattern]) => createTokenExtractor(tagName, pattern)),
  ]
}

/** Extractors of the default tag of that name: none if there is no such tag. */
export function createDefaultExtractorsOf(tagName: string): TagExtractor[] {
  return createDefaultExtractors().filter((extractor) => extractor.tagName === tagName)
}

// These patterns are ours and run in linear time in any engine; only those from a configuration need RE2.
function fixedPattern(pattern: string): TagRegex {
  const regex = new RegExp(pattern, 'd')
  return { find: (text): readonly RegexGroup[] | undefined => regex.exec(text)?.indices }
}
