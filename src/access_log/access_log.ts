// Access logs of a listener, a connection manager or a TCP proxy: what the engine calls, and how they are built.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ExtensionFactory } from '../config/registry.ts'
import { type AccessLogFilter, type AccessLogFilterContext, compileAccessLogFilter } from './access_log_filter.ts'
import type { AccessLogManager } from './access_log_manager.ts'
import type { FormatterContext } from './formatter_context.ts'

export interface AccessLog {
  /** Called when a stream ends, and earlier where the options ask for it. Must not keep the context. */
  log(ctx: FormatterContext): void
}

/** What access logs and their filters are built from; every server context has it. */
export interface AccessLogContext extends AccessLogFilterContext {
  readonly accessLogManager: AccessLogManager
}

/** Category `envoy.access_loggers`. */
export interface AccessLogFactory<Config = unknown, Server extends AccessLogContext = AccessLogContext>
  extends ExtensionFactory {
  readonly category: 'envoy.access_loggers'
  /** Undefined where the configuration is wrong and the reason was reported. */
  createAccessLog(config: Config, context: Server): AccessLog | undefined
}

/** Builds the logs of an `access_log` list, each behind its filter. */
export function createAccessLogs(
  views: readonly envoy.config.accesslog.v3.AccessLog[],
  context: AccessLogContext,
): AccessLog[] {
  const logs: AccessLog[] = []
  for (const view of views) {
    const filter = view.filter === undefined ? undefined : compileAccessLogFilter(view.filter, context)
    const factory = context.registry.lookup<AccessLogFactory>('envoy.access_loggers', view, context.errors)
    const log = factory?.createAccessLog(view.typedConfig?.value, context)
    if (log !== undefined) logs.push(filter === undefined ? log : new FilteredAccessLog(log, filter))
  }
  return logs
}

class FilteredAccessLog implements AccessLog {
  readonly #log: AccessLog
  readonly #filter: AccessLogFilter

  constructor(log: AccessLog, filter: AccessLogFilter) {
    this.#log = log
    this.#filter = filter
  }

  log(ctx: FormatterContext): void {
    if (this.#filter(ctx)) this.#log.log(ctx)
  }
}
