// Fields of the HTTP filters that hold traffic back: faults and rate limits.
import { type FieldTable, words } from './field_table.ts'

const filters = 'envoy.extensions.filters'

export const trafficFields: FieldTable = {
  [`${filters}.http.fault.v3.HTTPFault`]: {
    acts: words(`delay abort upstream_cluster headers downstream_nodes max_active_faults response_rate_limit
      delay_percent_runtime abort_percent_runtime delay_duration_runtime abort_http_status_runtime
      max_active_faults_runtime response_rate_limit_percent_runtime abort_grpc_status_runtime
      disable_downstream_cluster_stats filter_metadata`),
  },
  [`${filters}.http.fault.v3.FaultAbort`]: {
    acts: words('http_status grpc_status header_abort percentage response_body'),
  },
  [`${filters}.common.fault.v3.FaultDelay`]: { acts: words('fixed_delay header_delay percentage') },
  [`${filters}.common.fault.v3.FaultRateLimit`]: { acts: words('fixed_limit header_limit percentage') },
}
