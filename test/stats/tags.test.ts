import { describe, expect, test } from 'vitest'
import { createDefaultExtractors } from '../../src/stats/default_tags.ts'
import { TagProducer } from '../../src/stats/tag_extractor.ts'

const producer = new TagProducer(createDefaultExtractors())

/** The extracted name and the labels in the order printed. */
function tagged(name: string): [string, string] {
  const { extractedName, tags } = producer.produce(name)
  return [extractedName, tags.map((tag) => `${tag.name}=${tag.value}`).join(' ')]
}

// Each line is what Envoy 1.40 printed, or follows from the pattern it holds for the tag.
describe('default tags', () => {
  test.each([
    ['cluster.c.upstream_rq_200', 'cluster.upstream_rq', 'envoy.response_code=200 envoy.cluster_name=c'],
    ['cluster.c.upstream_rq_2xx', 'cluster.upstream_rq_xx', 'envoy.response_code_class=2 envoy.cluster_name=c'],
    ['cluster.self.x.membership_total', 'cluster.x.membership_total', 'envoy.cluster_name=self'],
    ['http.h.downstream_cx_total', 'http.downstream_cx_total', 'envoy.http_conn_manager_prefix=h'],
    [
      'listener.127.0.0.1_80.http.h.downstream_rq_5xx',
      'listener.http.downstream_rq_xx',
      'envoy.response_code_class=5 envoy.http_conn_manager_prefix=h envoy.listener_address=127.0.0.1_80',
    ],
    [
      'listener.[__1]_80.worker_3.downstream_cx_total',
      'listener.worker_downstream_cx_total',
      'envoy.worker_id=3 envoy.listener_address=[__1]_80',
    ],
    ['listener.admin.downstream_cx_total', 'listener.admin.downstream_cx_total', ''],
    ['listener.mine.downstream_cx_total', 'listener.downstream_cx_total', 'envoy.listener_address=mine'],
    ['server.worker_0.watchdog_miss', 'server.worker_watchdog_miss', 'envoy.worker_id=0'],
    [
      'thread_local_cluster_manager.worker_0.clusters_inflated',
      'thread_local_cluster_manager.worker_clusters_inflated',
      'envoy.worker_id=0',
    ],
    ['tcp.ingress.downstream_cx_total', 'tcp.downstream_cx_total', 'envoy.tcp_prefix=ingress'],
    [
      'vhost.v.vcluster.vc.upstream_rq_time',
      'vhost.vcluster.upstream_rq_time',
      'envoy.virtual_cluster=vc envoy.virtual_host=v',
    ],
    ['vhost.v.route.r.upstream_rq_total', 'vhost.route.upstream_rq_total', 'envoy.virtual_host=v envoy.route=r'],
    ['http.h.fault.aborts_injected', 'http.fault.aborts_injected', 'envoy.http_conn_manager_prefix=h'],
    [
      'http.h.fault.down.aborts_injected',
      'http.fault.aborts_injected',
      'envoy.fault_downstream_cluster=down envoy.http_conn_manager_prefix=h',
    ],
    [
      'http.h.rds.my/route.v1.update_attempt',
      'http.rds.update_attempt',
      'envoy.rds_route_config=my/route.v1 envoy.http_conn_manager_prefix=h',
    ],
    ['http.h.rbac.allowed', 'http.rbac.allowed', 'envoy.http_conn_manager_prefix=h'],
    [
      'http.h.rbac.pre.policy.p.shadow_denied',
      'http.rbac.policy.shadow_denied',
      'envoy.rbac_policy_name=p envoy.rbac_http_prefix=pre envoy.http_conn_manager_prefix=h',
    ],
    ['my.rbac.allowed', 'rbac.allowed', 'envoy.rbac_prefix=my'],
    ['lrl.http_local_rate_limit.ok', 'http_local_rate_limit.ok', 'envoy.local_http_ratelimit_prefix=lrl'],
    [
      'connection_limit.c.limited_connections',
      'connection_limit.limited_connections',
      'envoy.connection_limit_prefix=c',
    ],
    ['local_rate_limit.l.rate_limited', 'local_rate_limit.rate_limited', 'envoy.local_network_ratelimit_prefix=l'],
    [
      'mongo.m.collection.coll.callsite.site.query.total',
      'mongo.collection.callsite.query.total',
      'envoy.mongo_callsite=site envoy.mongo_collection=coll envoy.mongo_prefix=m',
    ],
    [
      'cluster.c.grpc.Service.Method.success',
      'cluster.grpc.success',
      'envoy.grpc_bridge_method=Method envoy.grpc_bridge_service=Service envoy.cluster_name=c',
    ],
    ['cluster.c.ssl.ciphers.TLS_AES', 'cluster.ssl.ciphers', 'cipher_suite=TLS_AES envoy.cluster_name=c'],
    [
      'listener.0.0.0.0_443.ssl.versions.TLSv1.3',
      'listener.ssl.versions',
      'envoy.ssl_version=TLSv1.3 envoy.listener_address=0.0.0.0_443',
    ],
    ['proxy_proto.versions.v2.found', 'proxy_proto.found', 'envoy.proxy_protocol_version=2'],
    ['server.live', 'server.live', ''],
  ])('%s', (name, extractedName, tags) => {
    expect(tagged(name)).toEqual([extractedName, tags])
  })
})
