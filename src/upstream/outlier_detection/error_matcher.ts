// `error_matcher` of HttpProtocolOptions: which responses are errors, whatever their status says.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { compileHeaderMatcher } from '../../access_log/header_matcher.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import type { ConfigErrors } from '../../config/errors.ts'

type MatchPredicate = envoy.config.common.matcher.v3.MatchPredicate

export type ErrorMatcher = (responseHeaders: HeaderMap) => boolean

/** What is wrong goes to `errors`. */
export function compileErrorMatcher(view: MatchPredicate, errors: ConfigErrors): ErrorMatcher {
  switch (view.rule) {
    case 'anyMatch':
      return () => true
    case 'orMatch': {
      const rules = view.orMatch?.rules.map((rule) => compileErrorMatcher(rule, errors)) ?? []
      return (headers) => rules.some((rule) => rule(headers))
    }
    case 'andMatch': {
      const rules = view.andMatch?.rules.map((rule) => compileErrorMatcher(rule, errors)) ?? []
      return (headers) => rules.every((rule) => rule(headers))
    }
    case 'notMatch': {
      const rule = view.notMatch === undefined ? () => false : compileErrorMatcher(view.notMatch, errors)
      return (headers) => !rule(headers)
    }
    case 'httpResponseHeadersMatch': {
      const matchers = view.httpResponseHeadersMatch?.headers.map((each) => compileHeaderMatcher(each, errors)) ?? []
      return (headers) => matchers.every((matches) => matches(headers))
    }
    default:
      errors.add(view, view.rule, 'an error_matcher sees nothing but the headers of responses')
      return () => false
  }
}
