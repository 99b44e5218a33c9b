// envoy.http.early_header_mutation.header_mutation: changes to a request's headers before it is routed.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { unansweredContext } from '../../../../access_log/formatter_context.ts'
import type { EarlyHeaderMutationFactory } from '../../../../http/request_extension_factories.ts'
import { compileHeaderMutations } from '../../../../router/header_parser.ts'

type HeaderMutation = envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation

export const earlyHeaderMutation: EarlyHeaderMutationFactory<HeaderMutation> = {
  category: 'envoy.http.early_header_mutation',
  name: 'envoy.http.early_header_mutation.header_mutation',
  typeUrls: ['envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation'],
  createEarlyHeaderMutation(config, context) {
    const steps = compileHeaderMutations(config.mutations, context.errors)
    return (headers, streamInfo) => {
      const formatterContext = unansweredContext(streamInfo, headers)
      for (const step of steps) step.evaluate(headers, formatterContext)
    }
  },
}
