/** Retry policies, hedge policies and predicates of internal redirects that Envoy accepts or refuses. */
import { boot, type VerdictCase } from './verdict_cases.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'

const action = (name: string, fields: string): VerdictCase => ({
  name,
  yaml: boot({ routes: `- { match: { prefix: "/" }, route: { cluster: c, ${fields} } }` }),
})
const retry = (name: string, fields: string) => action(`retry: ${name}`, `retry_policy: { retry_on: 5xx, ${fields} }`)
const hedge = (name: string, fields: string) => action(`hedge: ${name}`, `hedge_policy: { ${fields} }`)
const host = (name: string, fields: string): VerdictCase => ({
  name: `virtual host: ${name}`,
  yaml: boot().replace('domains: ["*"]', `domains: ["*"]\n              ${fields}`),
})

const hostPredicate = (name: string, type: string, fields = '') =>
  retry(
    `host predicate, ${name}`,
    `retry_host_predicate: [ { name: p, typed_config: { "@type": ${TYPE}.retry.host.${type}${fields} } } ]`,
  )
const priority = (name: string, fields: string) =>
  retry(
    `priority, ${name}`,
    `retry_priority: { name: p, typed_config: { "@type": ${TYPE}.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig${fields} } }`,
  )
const limited = (name: string, fields: string) =>
  retry(`rate limited, ${name}`, `rate_limited_retry_back_off: { ${fields} }`)
const redirect = (name: string, type: string, fields = '') =>
  action(
    `internal redirect: ${name}`,
    `internal_redirect_policy: { predicates: [ { name: p, typed_config: { "@type": ${TYPE}.internal_redirect.${type}${fields} } } ] }`,
  )
const HEADERS = 'reset_headers: [ { name: Retry-After, format: SECONDS } ]'

export const retryVerdictCases: readonly VerdictCase[] = [
  hostPredicate('previous hosts', 'previous_hosts.v3.PreviousHostsPredicate'),
  hostPredicate('canaries', 'omit_canary_hosts.v3.OmitCanaryHostsPredicate'),
  hostPredicate('metadata', 'omit_host_metadata.v3.OmitHostMetadataConfig'),
  hostPredicate(
    'metadata with labels',
    'omit_host_metadata.v3.OmitHostMetadataConfig',
    ', metadata_match: { filter_metadata: { envoy.lb: { a: 1 } } }',
  ),
  hostPredicate('a field too many', 'previous_hosts.v3.PreviousHostsPredicate', ', a: 1'),
  hostPredicate('a priority', 'priority.previous_priorities.v3.PreviousPrioritiesConfig'),
  retry('host predicate, by name', 'retry_host_predicate: [ { name: envoy.retry_host_predicates.previous_hosts } ]'),
  retry('host predicate, without name', 'retry_host_predicate: [ { } ]'),
  priority('update frequency', ', update_frequency: 2'),
  priority('update frequency 0', ', update_frequency: 0'),
  priority('no update frequency', ''),
  priority('negative update frequency', ', update_frequency: -1'),
  retry('priority, by name', 'retry_priority: { name: envoy.retry_priorities.previous_priorities }'),
  retry('priority, unknown', 'retry_priority: { name: nothing }'),
  retry(
    'options predicate, unknown',
    `retry_options_predicates: [ { name: p, typed_config: { "@type": ${TYPE}.retry.host.previous_hosts.v3.PreviousHostsPredicate } } ]`,
  ),
  retry('host selection attempts', 'host_selection_retry_max_attempts: 5'),
  retry('host selection attempts, 0', 'host_selection_retry_max_attempts: 0'),
  retry('host selection attempts, a word', 'host_selection_retry_max_attempts: many'),
  limited('seconds', HEADERS),
  limited('a timestamp', 'reset_headers: [ { name: x-reset, format: UNIX_TIMESTAMP } ]'),
  limited('no format', 'reset_headers: [ { name: x-reset } ]'),
  limited('unknown format', 'reset_headers: [ { name: x-reset, format: MINUTES } ]'),
  limited('no headers', 'max_interval: 1s'),
  limited('empty headers', 'reset_headers: []'),
  limited('a header without name', 'reset_headers: [ { format: SECONDS } ]'),
  limited('a header with a line break', 'reset_headers: [ { name: "a\\nb" } ]'),
  limited('max of nothing', `${HEADERS}, max_interval: 0s`),
  limited('max below a millisecond', `${HEADERS}, max_interval: 0.0001s`),
  retry('per try idle timeout', 'per_try_idle_timeout: 1s'),
  retry('per try idle timeout of nothing', 'per_try_idle_timeout: 0s'),
  retry('back-off below a millisecond', 'retry_back_off: { base_interval: 0.0001s, max_interval: 0.0002s }'),
  retry('back-off, max of nothing', 'retry_back_off: { base_interval: 1s, max_interval: 0s }'),
  hedge('nothing', ''),
  hedge('on per-try timeout', 'hedge_on_per_try_timeout: true'),
  hedge('no initial requests', 'initial_requests: 0'),
  hedge('initial requests', 'initial_requests: 2'),
  hedge('additional requests', 'additional_request_chance: { numerator: 10 }'),
  hedge('unknown denominator', 'additional_request_chance: { numerator: 10, denominator: TEN }'),
  redirect('previous routes', 'previous_routes.v3.PreviousRoutesConfig'),
  redirect('safe schemes', 'safe_cross_scheme.v3.SafeCrossSchemeConfig'),
  redirect('names', 'allow_listed_routes.v3.AllowListedRoutesConfig', ', allowed_route_names: [ a ]'),
  redirect('no names', 'allow_listed_routes.v3.AllowListedRoutesConfig'),
  redirect('an empty name', 'allow_listed_routes.v3.AllowListedRoutesConfig', ', allowed_route_names: [ "" ]'),
  redirect('filter state', 'filter_state.v3.FilterStateConfig', ', redirect_enabled_key: k, redirect_if_absent: true'),
  redirect('unknown type', 'nothing.v3.Nothing'),
  action(
    'internal redirect: by name',
    'internal_redirect_policy: { predicates: [ { name: envoy.internal_redirect_predicates.previous_routes } ] }',
  ),
  host('hedge policy', 'hedge_policy: { hedge_on_per_try_timeout: true }'),
  host('hedge policy without initial requests', 'hedge_policy: { initial_requests: 0 }'),
  host('retry policy with an unknown predicate', 'retry_policy: { retry_host_predicate: [ { name: nothing } ] }'),
]
