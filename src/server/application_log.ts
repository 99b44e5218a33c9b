// The application log as the command line and the bootstrap's application_log_config together ask for it.

import type { LogSettings } from '../common/log.ts'
import { jsonPatternProblem } from '../common/log_pattern.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import type { Options } from './options.ts'

/** What the command line says; it holds until the bootstrap is read. */
export function commandLineLogSettings(options: Options): LogSettings {
  return { path: options.logPath, format: options.logFormat, escaped: options.logFormatEscaped }
}

/** Both together; reports where they contradict each other. */
export function logSettings(bootstrap: Bootstrap, options: Options, errors: ConfigErrors): LogSettings {
  const settings = commandLineLogSettings(options)
  const view = bootstrap.applicationLogConfig?.logFormat
  if (view === undefined) return settings
  if (options.logFormat !== undefined) {
    const message = 'Only one of ApplicationLogConfig.log_format or CLI option --log-format can be specified.'
    errors.add(bootstrap.applicationLogConfig, 'logFormat', message)
    return settings
  }
  if (view.jsonFormat === undefined) return { ...settings, format: view.textFormat }
  const problem = jsonPatternProblem(view.jsonFormat)
  if (problem !== undefined) errors.add(view, 'jsonFormat', problem)
  return { ...settings, jsonFormat: view.jsonFormat }
}
