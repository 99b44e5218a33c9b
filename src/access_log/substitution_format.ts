// Compiles `SubstitutionFormatString`: the one message in which all of Envoy's formats are configured.

import type { envoy } from '../../proto/generated/api.d.ts'
import { readDataSource } from '../config/data_source.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { ExtensionFactory, ExtensionRegistry } from '../config/registry.ts'
import { type CommandParser, compileFormat, compileJsonFormat, FormatError, type Formatter } from './formatter.ts'

type SubstitutionFormatString = envoy.config.core.v3.SubstitutionFormatString

export interface FormatContext {
  readonly registry: ExtensionRegistry
  readonly errors: ConfigErrors
}

/** Category `envoy.formatter`: operators that a format names in `formatters`. */
export interface CommandParserFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.formatter'
  createCommandParser(config: Config, context: FormatContext): CommandParser
}

export interface CompiledSubstitutionFormat {
  readonly formatter: Formatter
  /** For bodies: `content_type`, else what the kind of format implies. */
  readonly contentType: string
}

/** Undefined where the format is wrong: the reason is in `context.errors`, at its place. */
export function compileSubstitutionFormat(
  view: SubstitutionFormatString,
  context: FormatContext,
): CompiledSubstitutionFormat | undefined {
  const options = { omitEmptyValues: view.omitEmptyValues, commandParsers: commandParsersOf(view, context) }
  const json = view.format === 'jsonFormat'
  const contentType = view.contentType || (json ? 'application/json' : 'text/plain')
  if (json) {
    const formatter = compileAt(view, 'jsonFormat', context.errors, () =>
      compileJsonFormat(view.jsonFormat ?? {}, options),
    )
    return formatter === undefined ? undefined : { formatter, contentType }
  }
  const text = textOf(view, context.errors)
  if (text === undefined) return undefined
  const formatter = compileAt(view, view.format, context.errors, () => compileFormat(text, options))
  return formatter === undefined ? undefined : { formatter, contentType }
}

/** Runs a compilation; a FormatError becomes a configuration error at the field. */
export function compileAt(
  view: object,
  field: string | undefined,
  errors: ConfigErrors,
  compile: () => Formatter,
): Formatter | undefined {
  try {
    return compile()
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    errors.add(view, field, error.message)
    return undefined
  }
}

function textOf(view: SubstitutionFormatString, errors: ConfigErrors): string | undefined {
  if (view.textFormatSource === undefined) return view.textFormat ?? ''
  return readDataSource(view.textFormatSource, errors, { allowEmpty: true })?.toString('utf8')
}

function commandParsersOf(view: SubstitutionFormatString, context: FormatContext): CommandParser[] {
  const parsers: CommandParser[] = []
  for (const extension of view.formatters) {
    const factory = context.registry.lookup<CommandParserFactory>('envoy.formatter', extension, context.errors)
    if (factory === undefined) continue
    parsers.push(factory.createCommandParser(extension.typedConfig?.value, context))
  }
  return parsers
}
