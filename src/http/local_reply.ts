// `local_reply_config`: rewrites status, headers and body of answers that the proxy makes itself.

import type { envoy } from '../../proto/generated/api.d.ts'
import {
  type AccessLogFilter,
  type AccessLogFilterContext,
  compileAccessLogFilter,
} from '../access_log/access_log_filter.ts'
import { compileHeaderFormat, type Formatter } from '../access_log/formatter.ts'
import type { FormatterContext } from '../access_log/formatter_context.ts'
import {
  type CompiledSubstitutionFormat,
  compileAt,
  compileSubstitutionFormat,
} from '../access_log/substitution_format.ts'
import type { HeaderMap } from '../common/header_map.ts'
import { readDataSource } from '../config/data_source.ts'

type LocalReplyConfig = envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig
type ResponseMapper = envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper
type HeaderValueOption = envoy.config.core.v3.HeaderValueOption

export interface RewrittenReply {
  readonly status: number
  /** A byte string. */
  readonly body: string
  /** The one that a mapper's headers_to_add has set, or that of the body format; an unchanged body keeps its own. */
  readonly contentType: string
}

export interface LocalReplyRewriter {
  /**
   * Rewrites one reply: `headers` are the reply's, with its status, and change in place. The stream's response code
   * follows the status, for filters and operators look at it. `body` is a byte string.
   */
  rewrite(ctx: FormatterContext, headers: HeaderMap, body: string): RewrittenReply
}

/** Compiles the configuration; without one, replies stay as they are. Errors go to `context.errors`. */
export function compileLocalReply(
  config: LocalReplyConfig | undefined,
  context: AccessLogFilterContext,
): LocalReplyRewriter {
  if (config === undefined) return plainReply
  const bodyFormat = config.bodyFormat === undefined ? undefined : compileSubstitutionFormat(config.bodyFormat, context)
  return new ConfiguredReply(
    config.mappers.map((mapper) => compileMapper(mapper, context)),
    bodyFormat,
  )
}

const plainReply: LocalReplyRewriter = {
  rewrite(ctx, headers, body) {
    ctx.streamInfo.responseCode = headers.status
    return { status: headers.status, body, contentType: headers.get('content-type') ?? 'text/plain' }
  },
}

interface Mapper {
  readonly filter: AccessLogFilter
  readonly status: number | undefined
  readonly body: string | undefined
  readonly headersToAdd: readonly HeaderToAdd[]
  readonly bodyFormat: CompiledSubstitutionFormat | undefined
}

interface HeaderToAdd {
  readonly name: string
  readonly value: Formatter
  readonly action: HeaderValueOption['appendAction']
  readonly keepEmptyValue: boolean
}

class ConfiguredReply implements LocalReplyRewriter {
  readonly #mappers: readonly Mapper[]
  readonly #bodyFormat: CompiledSubstitutionFormat | undefined

  constructor(mappers: readonly Mapper[], bodyFormat: CompiledSubstitutionFormat | undefined) {
    this.#mappers = mappers
    this.#bodyFormat = bodyFormat
  }

  rewrite(ctx: FormatterContext, headers: HeaderMap, body: string): RewrittenReply {
    ctx.streamInfo.responseCode = headers.status
    const contentType = headers.get('content-type')
    const context = { ...ctx, responseHeaders: headers, localReplyBody: body }
    const mapper = this.#mappers.find(({ filter }) => filter(context))
    if (mapper !== undefined) {
      if (mapper.body !== undefined) context.localReplyBody = mapper.body
      for (const header of mapper.headersToAdd) addHeader(headers, header, context)
      if (mapper.status !== undefined) {
        headers.status = mapper.status
        ctx.streamInfo.responseCode = mapper.status
      }
    }
    const format = mapper?.bodyFormat ?? this.#bodyFormat
    const newBody = format === undefined ? context.localReplyBody : format.formatter.format(context)
    const asked = headers.get('content-type')
    // The type that the reply came with is that of the body that it came with.
    const fits = asked !== undefined && (newBody === body || asked !== contentType)
    return { status: headers.status, body: newBody, contentType: fits ? asked : (format?.contentType ?? 'text/plain') }
  }
}

function compileMapper(view: ResponseMapper, context: AccessLogFilterContext): Mapper {
  const body = view.body === undefined ? undefined : readDataSource(view.body, context.errors, { allowEmpty: true })
  const override = view.bodyFormatOverride
  return {
    filter: view.filter === undefined ? () => false : compileAccessLogFilter(view.filter, context),
    status: view.statusCode,
    body: body?.toString('latin1'),
    headersToAdd: view.headersToAdd.flatMap((option) => compileHeader(option, context)),
    bodyFormat: override === undefined ? undefined : compileSubstitutionFormat(override, context),
  }
}

function compileHeader(option: HeaderValueOption, context: AccessLogFilterContext): HeaderToAdd[] {
  const { header } = option
  if (header === undefined) return []
  const value = compileAt(header, 'value', context.errors, () => compileHeaderFormat(header.value))
  if (value === undefined) return []
  // The old boolean, where set, says the same as the first or the third action.
  const action = option.append === undefined ? option.appendAction : actionOfAppend(option.append)
  return [{ name: header.key.toLowerCase(), value, action, keepEmptyValue: option.keepEmptyValue }]
}

function actionOfAppend(append: boolean): HeaderValueOption['appendAction'] {
  return append ? 'APPEND_IF_EXISTS_OR_ADD' : 'OVERWRITE_IF_EXISTS_OR_ADD'
}

function addHeader(headers: HeaderMap, { name, value, action, keepEmptyValue }: HeaderToAdd, ctx: FormatterContext) {
  const text = value.format(ctx)
  if (text === '' && !keepEmptyValue) return
  switch (action) {
    case 'ADD_IF_ABSENT':
      if (!headers.has(name)) headers.add(name, text)
      break
    case 'OVERWRITE_IF_EXISTS_OR_ADD':
      headers.set(name, text)
      break
    case 'OVERWRITE_IF_EXISTS':
      if (headers.has(name)) headers.set(name, text)
      break
    default:
      headers.add(name, text)
  }
}
