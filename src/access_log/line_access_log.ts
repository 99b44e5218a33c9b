// An access log that writes formatted lines to a file or a standard stream.

import type { AccessLog, AccessLogContext } from './access_log.ts'
import { AccessLogFileError } from './access_log_file.ts'
import type { LineWriter } from './access_log_manager.ts'
import type { Formatter } from './formatter.ts'
import type { FormatterContext } from './formatter_context.ts'

export class LineAccessLog implements AccessLog {
  readonly #writer: LineWriter
  readonly #formatter: Formatter

  constructor(writer: LineWriter, formatter: Formatter) {
    this.#writer = writer
    this.#formatter = formatter
  }

  log(ctx: FormatterContext): void {
    this.#writer.write(this.#formatter.format(ctx))
  }
}

/** The log's writer; undefined where the file cannot be opened, which is reported at the view's field. */
export function openWriter(
  path: string,
  view: object,
  field: string | undefined,
  context: AccessLogContext,
): LineWriter | undefined {
  try {
    return context.accessLogManager.file(path)
  } catch (error) {
    if (!(error instanceof AccessLogFileError)) throw error
    context.errors.add(view, field, error.message)
    return undefined
  }
}
