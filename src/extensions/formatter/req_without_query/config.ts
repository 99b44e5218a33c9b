// envoy.formatter.req_without_query: the operator %REQ_WITHOUT_QUERY(NAME?ALTERNATIVE):LENGTH%.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import { FormatError } from '../../../access_log/operator.ts'
import { reqWithoutQueryOperator } from '../../../access_log/operators/header_operators.ts'
import type { CommandParserFactory } from '../../../access_log/substitution_format.ts'

type ReqWithoutQuery = envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery

export const reqWithoutQueryFormatterFactory: CommandParserFactory<ReqWithoutQuery> = {
  category: 'envoy.formatter',
  name: 'envoy.formatter.req_without_query',
  typeUrls: ['envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery'],
  createCommandParser: () => (name, argument, maxLength) => {
    if (name !== 'REQ_WITHOUT_QUERY') return undefined
    if (argument === '') throw new FormatError('REQ_WITHOUT_QUERY requires parameters')
    return reqWithoutQueryOperator.make(argument, maxLength)
  },
}
