// envoy.access_loggers.file: an access log in a file.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { AccessLog, AccessLogContext, AccessLogFactory } from '../../../access_log/access_log.ts'
import {
  compileFormat,
  compileJsonFormat,
  defaultAccessLogFormat,
  type Formatter,
} from '../../../access_log/formatter.ts'
import { LineAccessLog, openWriter } from '../../../access_log/line_access_log.ts'
import { compileAt, compileSubstitutionFormat } from '../../../access_log/substitution_format.ts'

type FileAccessLog = envoy.extensions.access_loggers.file.v3.FileAccessLog

export const fileAccessLogFactory: AccessLogFactory<FileAccessLog> = {
  category: 'envoy.access_loggers',
  name: 'envoy.access_loggers.file',
  typeUrls: ['envoy.extensions.access_loggers.file.v3.FileAccessLog'],
  createAccessLog(config: FileAccessLog, context: AccessLogContext): AccessLog | undefined {
    const formatter = formatterOf(config, context)
    const writer = openWriter(config.path, config, 'path', context)
    return formatter === undefined || writer === undefined ? undefined : new LineAccessLog(writer, formatter)
  },
}

function formatterOf(config: FileAccessLog, context: AccessLogContext): Formatter | undefined {
  const field = config.accessLogFormat
  switch (field) {
    case 'logFormat':
      return compileSubstitutionFormat(config.logFormat!, context)?.formatter
    case 'jsonFormat':
    case 'typedJsonFormat':
      return compileAt(config, field, context.errors, () => compileJsonFormat(config[field] ?? {}))
    default:
      return compileAt(config, field, context.errors, () => compileFormat(config.format || defaultAccessLogFormat))
  }
}
