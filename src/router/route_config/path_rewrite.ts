// New paths: prefix_rewrite, regex_rewrite, path_rewrite and path templates, for routes and for redirects.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { compileFormat, FormatError, type Formatter, type FormatterContext } from '../../access_log/formatter.ts'
import { compileRegexMatcher } from '../../common/regex.ts'
import { matcherErrorMessage, utf8ByteString } from '../../common/string_matcher.ts'
import { compileUriTemplateRewrite, UriTemplateError, type UriTemplateRewrite } from '../../common/uri_template.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { type PathMatcher, pathLength } from './path_matcher.ts'

type RegexMatchAndSubstitute = envoy.type.matcher.v3.RegexMatchAndSubstitute
type TypedExtensionConfig = envoy.config.core.v3.TypedExtensionConfig

/** Gives the new path for a path with its query, which is kept; '' leaves the path as it is. */
export type PathRewrite = (path: string, ctx: FormatterContext | undefined) => string

/**
 * prefix_rewrite replaces what the route's prefix has matched, or where it matches otherwise, the whole path. `owner` is
 * the route action or redirect.
 */
export function prefixRewrite(
  owner: { readonly prefixRewrite: string | undefined },
  matcher: PathMatcher,
  errors: ConfigErrors,
): PathRewrite | undefined {
  const bytes = utf8ByteString(owner.prefixRewrite ?? '')
  if (bytes === '') return undefined
  if (matcher.kind === 'template') {
    errors.add(owner, 'prefixRewrite', 'Cannot use prefix_rewrite with matcher extension')
    return undefined
  }
  if (matcher.kind === 'prefix' || matcher.kind === 'separatedPrefix') {
    const { length } = matcher.text
    return (path) => bytes + path.slice(length)
  }
  return (path) => bytes + path.slice(pathLength(path))
}

/** Undefined where the pattern is wrong. */
export function regexRewrite(view: RegexMatchAndSubstitute, errors: ConfigErrors): PathRewrite | undefined {
  const replace = regexReplacement(view, errors)
  if (replace === undefined) return undefined
  return (path) => {
    const length = pathLength(path)
    const replaced = replace(path.slice(0, length))
    return replaced === '' ? '' : replaced + path.slice(length)
  }
}

/** A RegexMatchAndSubstitute as a function; undefined where the pattern is wrong. */
export function regexReplacement(
  view: RegexMatchAndSubstitute,
  errors: ConfigErrors,
): ((text: string) => string) | undefined {
  if (view.pattern === undefined) return undefined
  try {
    const regex = compileRegexMatcher(view.pattern)
    const substitution = utf8ByteString(view.substitution)
    return (text) => regex.replaceAll(text, substitution)
  } catch (error) {
    errors.add(view.pattern, 'regex', matcherErrorMessage(error))
    return undefined
  }
}

/** path_rewrite: a format that makes the whole path; absent values are left out. */
export function formattedRewrite(owner: object, format: string, errors: ConfigErrors): PathRewrite | undefined {
  const formatter = compilePathFormat(owner, format, errors)
  if (formatter === undefined) return undefined
  return (path, ctx) => {
    const formatted = ctx === undefined ? '' : formatter.format(ctx)
    return formatted === '' ? '' : formatted + path.slice(pathLength(path))
  }
}

/** path_rewrite of a redirect: a query in the new path takes the place of the request's, which strip_query leaves out. */
export function formattedRedirect(
  owner: { readonly stripQuery: boolean },
  format: string,
  errors: ConfigErrors,
): PathRewrite | undefined {
  const { stripQuery } = owner
  const formatter = compilePathFormat(owner, format, errors)
  if (formatter === undefined) return undefined
  return (path, ctx) => {
    const formatted = ctx === undefined ? '' : formatter.format(ctx)
    if (formatted === '') return ''
    return stripQuery || formatted.includes('?') ? formatted : formatted + path.slice(pathLength(path))
  }
}

function compilePathFormat(owner: object, format: string, errors: ConfigErrors): Formatter | undefined {
  try {
    return compileFormat(format, { omitEmptyValues: true })
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    errors.add(owner, 'pathRewrite', error.message)
    return undefined
  }
}

const rewriteConfig = 'envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig'

/** path_rewrite_policy: needs a route that matches by a path template. */
export function templateRewrite(
  policy: TypedExtensionConfig,
  matcher: PathMatcher,
  errors: ConfigErrors,
): PathRewrite | undefined {
  const typeUrl = policy.typedConfig?.typeUrl ?? ''
  if (typeUrl !== rewriteConfig) {
    errors.add(
      policy,
      'typedConfig',
      `Didn't find a registered implementation for '${policy.name}' with type URL: '${typeUrl}'`,
      {
        expected: rewriteConfig,
      },
    )
    return undefined
  }
  if (matcher.kind === 'never') return undefined
  if (matcher.kind !== 'template') {
    const rewriter = 'envoy.path.rewrite.uri_template.uri_template_rewriter'
    const needed = 'envoy.path.match.uri_template.uri_template_matcher'
    errors.add(policy, 'typedConfig', `unable to use ${rewriter} extension without ${needed} extension`)
    return undefined
  }
  const view = policy.typedConfig?.value as envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig
  const rewrite = compileRewriteTemplate(view, errors)
  if (rewrite === undefined) return undefined
  const { template, source } = matcher
  if (rewrite.variables.some((name) => !template.variables.includes(name))) {
    const message = `mismatch between variables in path_match_policy ${source} and path_rewrite_policy ${view.pathTemplateRewrite}`
    errors.add(view, 'pathTemplateRewrite', message)
    return undefined
  }
  return (path) => {
    const length = pathLength(path)
    const values = template.capture(path.slice(0, length))
    return values === undefined ? path : rewrite.render(values) + path.slice(length)
  }
}

function compileRewriteTemplate(
  view: envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig,
  errors: ConfigErrors,
): UriTemplateRewrite | undefined {
  try {
    return compileUriTemplateRewrite(view.pathTemplateRewrite)
  } catch (error) {
    if (!(error instanceof UriTemplateError)) throw error
    errors.add(view, 'pathTemplateRewrite', error.message)
    return undefined
  }
}
