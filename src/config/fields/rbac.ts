// Fields of role-based access control.
import { type FieldTable, words } from './field_table.ts'

const rbac = 'envoy.config.rbac.v3'
const filters = 'envoy.extensions.filters'

export const rbacFields: FieldTable = {
  [`${filters}.http.rbac.v3.RBAC`]: {
    acts: words(`rules rules_stat_prefix matcher shadow_rules shadow_matcher shadow_rules_stat_prefix
      track_per_rule_stats`),
  },
  [`${filters}.http.rbac.v3.RBACPerRoute`]: { acts: ['rbac'] },
  [`${filters}.network.rbac.v3.RBAC`]: {
    acts: words(`rules matcher shadow_rules shadow_matcher shadow_rules_stat_prefix stat_prefix enforcement_type
      delay_deny`),
  },
  // Audit loggers are for gRPC servers: Envoy does not act on them either.
  [`${rbac}.RBAC`]: { acts: words('action policies'), harmless: ['audit_logging_options'] },
  // Conditions are CEL.
  [`${rbac}.Policy`]: { acts: words('permissions principals') },
  [`${rbac}.Permission`]: {
    acts: words(`any and_rules or_rules not_rule header url_path destination_ip destination_port
      destination_port_range metadata sourced_metadata requested_server_name matcher uri_template`),
  },
  [`${rbac}.Principal`]: {
    acts: words(`any and_ids or_ids not_id authenticated source_ip direct_remote_ip remote_ip header url_path metadata
      sourced_metadata filter_state custom`),
  },
  [`${rbac}.SourcedMetadata`]: { acts: words('metadata_matcher metadata_source') },
  'envoy.extensions.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher': {
    acts: words('upstream_ip upstream_port_range'),
  },
  'envoy.extensions.rbac.principals.mtls_authenticated.v3.Config': {
    acts: words('san_matcher any_validated_client_certificate'),
  },
}
