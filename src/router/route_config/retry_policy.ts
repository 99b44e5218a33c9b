// retry_policy of a route or its virtual host, as the router filter reads it.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { compileHeaderMatcher } from '../../access_log/header_matcher.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { ExtensionView } from '../../config/registry.ts'
import type { RateLimitedBackOff, RetryPolicy } from '../../http/route.ts'
import type { RetryHostPredicateFactory, RetryPriorityFactory } from '../../upstream/retry.ts'
import type { ServerContext } from '../../upstream/server_context.ts'
import { grpcRetryStatuses, retryOnWords } from '../retry_words.ts'

type RetryPolicyView = envoy.config.route.v3.RetryPolicy

const defaultRateLimitedMaxMs = 300_000

/** Errors of meaning go to `context.errors`. */
export function compileRetryPolicy(view: RetryPolicyView, context: ServerContext): RetryPolicy {
  const { errors } = context
  const { retryPriority } = view
  return {
    retryOn: retryWords(view, errors),
    numRetries: view.numRetries ?? 1,
    perTryTimeoutMs: view.perTryTimeout ?? 0,
    perTryIdleTimeoutMs: view.perTryIdleTimeout ?? 0,
    retriableStatusCodes: new Set(view.retriableStatusCodes),
    retriableHeaders: view.retriableHeaders.map((header) => compileHeaderMatcher(header, errors)),
    retriableRequestHeaders: view.retriableRequestHeaders.map((header) => compileHeaderMatcher(header, errors)),
    ...backOff(view, errors),
    rateLimitedBackOff: rateLimitedBackOff(view),
    // 0 is what it is where nothing is said, and negative numbers are none.
    hostSelectionRetryMaxAttempts: Math.max(1, view.hostSelectionRetryMaxAttempts),
    retryHostPredicates: view.retryHostPredicate.flatMap((each) => hostPredicate(each, context) ?? []),
    retryPriority: retryPriority && priority(retryPriority, context),
  }
}

function hostPredicate(
  view: ExtensionView,
  { registry, errors }: ServerContext,
): ReturnType<RetryHostPredicateFactory['createHostPredicate']> | undefined {
  const factory = registry.lookup<RetryHostPredicateFactory>('envoy.retry_host_predicates', view, errors)
  return factory?.createHostPredicate(view.typedConfig?.value)
}

function priority(
  view: ExtensionView,
  { registry, errors }: ServerContext,
): ReturnType<RetryPriorityFactory['createRetryPriority']> | undefined {
  const factory = registry.lookup<RetryPriorityFactory>('envoy.retry_priorities', view, errors)
  return factory?.createRetryPriority(view.typedConfig?.value)
}

function rateLimitedBackOff({ rateLimitedRetryBackOff }: RetryPolicyView): RateLimitedBackOff | undefined {
  if (rateLimitedRetryBackOff === undefined) return undefined
  const { resetHeaders, maxInterval } = rateLimitedRetryBackOff
  return {
    resetHeaders: resetHeaders.map(({ name, format }) => ({ name: name.toLowerCase(), format })),
    maxMs: Math.max(1, maxInterval ?? defaultRateLimitedMaxMs),
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

/** Intervals below a millisecond count as one. */
function backOff(view: RetryPolicyView, errors: ConfigErrors): Pick<RetryPolicy, 'backOffBaseMs' | 'backOffMaxMs'> {
  const given = view.retryBackOff
  if (given?.baseInterval === undefined) return { backOffBaseMs: undefined, backOffMaxMs: undefined }
  const backOffBaseMs = Math.max(1, given.baseInterval)
  if (given.maxInterval === undefined) return { backOffBaseMs, backOffMaxMs: undefined }
  const backOffMaxMs = Math.max(1, given.maxInterval)
  if (backOffMaxMs < backOffBaseMs) {
    errors.add(given, 'maxInterval', 'retry_policy.max_interval must greater than or equal to the base_interval')
  }
  return { backOffBaseMs, backOffMaxMs }
}
