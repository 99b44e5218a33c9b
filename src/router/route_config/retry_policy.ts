// retry_policy of a route or its virtual host, as the router filter reads it.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { compileHeaderMatcher } from '../../access_log/header_matcher.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { RetryPolicy } from '../../http/route.ts'
import { grpcRetryStatuses, retryOnWords } from '../retry_words.ts'

type RetryPolicyView = envoy.config.route.v3.RetryPolicy

const defaultBackOffBaseMs = 25

/** Errors of meaning go to `errors`. */
export function compileRetryPolicy(view: RetryPolicyView, errors: ConfigErrors): RetryPolicy {
  const { baseMs, maxMs } = backOff(view, errors)
  const limited = view.rateLimitedRetryBackOff
  return {
    retryOn: retryWords(view, errors),
    numRetries: view.numRetries ?? 1,
    perTryTimeoutMs: view.perTryTimeout ?? 0,
    perTryIdleTimeoutMs: view.perTryIdleTimeout ?? 0,
    retriableStatusCodes: new Set(view.retriableStatusCodes),
    retriableHeaders: view.retriableHeaders.map((header) => compileHeaderMatcher(header, errors)),
    retriableRequestHeaders: view.retriableRequestHeaders.map((header) => compileHeaderMatcher(header, errors)),
    backOffBaseMs: baseMs,
    backOffMaxMs: maxMs,
    rateLimitedBackOff:
      limited === undefined
        ? undefined
        : {
            resetHeaders: limited.resetHeaders.map(({ name, format }) => ({ name: name.toLowerCase(), format })),
            maxMs: limited.maxInterval ?? 300_000,
          },
    hostSelectionRetryMaxAttempts: view.hostSelectionRetryMaxAttempts,
    retryHostPredicates: view.retryHostPredicate.map(({ name }) => name),
  }
}

/** Words that nobody knows ask for nothing: a warning names them. */
function retryWords(view: RetryPolicyView, errors: ConfigErrors): ReadonlySet<string> {
  const words = view.retryOn
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
  const unknown = words.filter((word) => !retryOnWords.has(word) && !Object.hasOwn(grpcRetryStatuses, word))
  if (unknown.length > 0) errors.warn(view, 'retryOn', `unknown retry_on words have no effect: ${unknown.join(', ')}`)
  return new Set(words)
}

/** Intervals below a millisecond count as one; the longest is ten times the first where nothing is said. */
function backOff(view: RetryPolicyView, errors: ConfigErrors): { baseMs: number; maxMs: number } {
  const given = view.retryBackOff
  if (given === undefined) return { baseMs: defaultBackOffBaseMs, maxMs: defaultBackOffBaseMs * 10 }
  const baseMs = Math.max(1, given.baseInterval ?? defaultBackOffBaseMs)
  if (given.maxInterval === undefined) return { baseMs, maxMs: baseMs * 10 }
  const maxMs = Math.max(1, given.maxInterval)
  if (maxMs < baseMs) {
    errors.add(given, 'maxInterval', 'retry_policy.max_interval must greater than or equal to the base_interval')
  }
  return { baseMs, maxMs }
}
