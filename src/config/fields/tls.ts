// Fields of TLS contexts, certificates and secrets.
import { type FieldTable, words } from './field_table.ts'

const tls = 'envoy.extensions.transport_sockets.tls.v3'

export const tlsFields: FieldTable = {
  [`${tls}.DownstreamTlsContext`]: {
    acts: words(`common_tls_context require_client_certificate session_ticket_keys
      session_ticket_keys_sds_secret_config disable_stateless_session_resumption session_timeout ocsp_staple_policy
      full_scan_certs_on_sni_mismatch prefer_client_ciphers`),
    // Envoy does not act on the first; sessions are kept by tickets alone here.
    harmless: words('require_sni disable_stateful_session_resumption'),
  },
  [`${tls}.TlsCertificate`]: {
    acts: words('certificate_chain private_key pkcs12 watched_directory password ocsp_staple tls_params'),
    // Envoy does not act on them either.
    harmless: words('signed_certificate_timestamp'),
  },
  [`${tls}.CertificateValidationContext`]: {
    acts: words(`trusted_ca system_root_certs watched_directory verify_certificate_spki
      verify_certificate_hash match_typed_subject_alt_names match_subject_alt_names
      crl allow_expired_certificate trust_chain_verification
      only_verify_leaf_cert_crl max_verify_depth`),
    // Envoy does not act on the first either.
    harmless: words('require_signed_certificate_timestamp suppress_client_ca_list'),
  },
  [`${tls}.CommonTlsContext`]: {
    acts: words(`tls_params tls_certificates tls_certificate_sds_secret_configs validation_context
      validation_context_sds_secret_config combined_validation_context alpn_protocols key_log`),
  },
  [`${tls}.CommonTlsContext.CombinedCertificateValidationContext`]: {
    acts: words('default_validation_context validation_context_sds_secret_config'),
  },
  [`${tls}.SdsSecretConfig`]: { acts: words('name sds_config') },
  'envoy.config.core.v3.WatchedDirectory': { acts: ['path'], harmless: ['watch_modify'] },
}
