// envoy.access_loggers.stdout and envoy.access_loggers.stderr: access logs on the process's own streams.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { AccessLog, AccessLogContext, AccessLogFactory } from '../../../access_log/access_log.ts'
import { compileFormat, defaultAccessLogFormat } from '../../../access_log/formatter.ts'
import { LineAccessLog, openWriter } from '../../../access_log/line_access_log.ts'
import { compileSubstitutionFormat } from '../../../access_log/substitution_format.ts'

/** StderrAccessLog has the same one field. */
type StdoutAccessLog = envoy.extensions.access_loggers.stream.v3.StdoutAccessLog

export const stdoutAccessLogFactory: AccessLogFactory<StdoutAccessLog> = {
  category: 'envoy.access_loggers',
  name: 'envoy.access_loggers.stdout',
  typeUrls: ['envoy.extensions.access_loggers.stream.v3.StdoutAccessLog'],
  createAccessLog: (config, context) => streamAccessLog('/dev/stdout', config, context),
}

export const stderrAccessLogFactory: AccessLogFactory<StdoutAccessLog> = {
  category: 'envoy.access_loggers',
  name: 'envoy.access_loggers.stderr',
  typeUrls: ['envoy.extensions.access_loggers.stream.v3.StderrAccessLog'],
  createAccessLog: (config, context) => streamAccessLog('/dev/stderr', config, context),
}

function streamAccessLog(path: string, config: StdoutAccessLog, context: AccessLogContext): AccessLog | undefined {
  const formatter =
    config.logFormat === undefined
      ? compileFormat(defaultAccessLogFormat)
      : compileSubstitutionFormat(config.logFormat, context)?.formatter
  const writer = openWriter(path, config, undefined, context)
  return formatter === undefined || writer === undefined ? undefined : new LineAccessLog(writer, formatter)
}
