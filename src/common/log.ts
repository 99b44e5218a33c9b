// The application log: named loggers with levels of their own, in Envoy's format.

import { closeSync, openSync, writeSync } from 'node:fs'
import { compileJsonPattern, compilePattern, type LogLocation, type LogPattern, logLevels } from './log_pattern.ts'

export { logLevels }
export type LogLevel = (typeof logLevels)[number]

const defaultFormat = '[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v'

interface LogTarget {
  descriptor: number
  path: string
  line: LogPattern
  escaped: boolean
  previousAtMs: number
}

const target: LogTarget = {
  descriptor: 2,
  path: '',
  line: compilePattern(defaultFormat),
  escaped: false,
  previousAtMs: Date.now(),
}
const loggers = new Map<string, Logger>()
let defaultLevel: LogLevel = 'info'

export class Logger {
  readonly name: string
  #level: number

  constructor(name: string) {
    this.name = name
    this.#level = logLevels.indexOf(defaultLevel)
  }

  get level(): LogLevel {
    return logLevels[this.#level]
  }

  set level(level: LogLevel) {
    this.#level = logLevels.indexOf(level)
  }

  /** Ask before building a message that costs something. */
  enabled(level: LogLevel): boolean {
    return logLevels.indexOf(level) >= this.#level
  }

  trace(message: string): void {
    if (this.#level === 0) this.#write(0, message, this.trace)
  }

  debug(message: string): void {
    if (this.#level <= 1) this.#write(1, message, this.debug)
  }

  info(message: string): void {
    if (this.#level <= 2) this.#write(2, message, this.info)
  }

  warn(message: string): void {
    if (this.#level <= 3) this.#write(3, message, this.warn)
  }

  error(message: string): void {
    if (this.#level <= 4) this.#write(4, message, this.error)
  }

  critical(message: string): void {
    if (this.#level <= 5) this.#write(5, message, this.critical)
  }

  /** `entry` is the method that was called: the frame above it in the stack is where the line comes from. */
  #write(level: number, message: string, entry: (message: string) => void): void {
    const time = new Date()
    let location: LogLocation | undefined
    const line = target.line({
      time,
      sincePreviousMs: time.getTime() - target.previousAtMs,
      level,
      name: this.name,
      message: target.escaped ? message.replaceAll('\n', '\\n') : message,
      location: () => {
        location ??= callerOf(entry)
        return location
      },
    })
    target.previousAtMs = time.getTime()
    try {
      writeSync(target.descriptor, `${line}\n`)
    } catch {
      // A log that cannot be written (a closed pipe, a full disk) must not stop the proxy.
    }
  }
}

/** The file, line and function that called `entry`. */
function callerOf(entry: (message: string) => void): LogLocation {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 1
  const holder: { stack?: string } = {}
  Error.captureStackTrace(holder, entry)
  Error.stackTraceLimit = limit
  const frame = holder.stack?.slice(holder.stack.indexOf('\n    at ') + 8) ?? ''
  const match = /^(?:(?:async |new )*(?:.*\.)?#?([^\s.]+) .*\()?(.*?):(\d+):\d+\)?$/.exec(frame)
  if (match === null) return { file: '', line: 0, functionName: '' }
  const [, functionName = '', path, line] = match
  const root = path.lastIndexOf('/src/')
  return { file: root < 0 ? path : path.slice(root + 1), line: Number(line), functionName }
}

/** The logger of an Envoy component name (`main`, `config`, `router` ...); one for each name. */
export function getLogger(name: string): Logger {
  let logger = loggers.get(name)
  if (logger === undefined) {
    logger = new Logger(name)
    loggers.set(name, logger)
  }
  return logger
}

/** Envoy's components, in the order of its `/logging`: their levels can be set before they log anything. */
const componentNames = `a2a admin ai_protocol_manager alternate_protocols_cache aws assert backtrace basic_auth cache_filter
  client config connection conn_handler compression credential_injector decompression dns dubbo envoy_bug ext_authz ext_proc
  rocketmq file filter forward_proxy geolocation grpc happy_eyeballs hc health_checker http http2 hystrix init io jwt json_rpc
  kafka key_value_store lua local_rate_limit main matcher mcp misc mongo multi_connection notification oauth2 quic quic_stream
  pool rate_limit_quota rbac rds redis router runtime stats secret sse tap testing thrift tracing upstream udp wasm websocket
  golang stats_sinks dynamic_modules ip_tagging`
for (const name of componentNames.split(/\s+/)) getLogger(name)

/** In Envoy's order, names of ours behind. */
export function allLoggers(): Logger[] {
  return [...loggers.values()]
}

export function isLogger(name: string): boolean {
  return loggers.has(name)
}

export function setAllLevels(level: LogLevel): void {
  defaultLevel = level
  for (const logger of loggers.values()) logger.level = level
}

/** `warn` is Envoy's other spelling. Undefined for what is no level. */
export function parseLogLevel(text: string): LogLevel | undefined {
  const level = text === 'warn' ? 'warning' : text
  return logLevels.find((each) => each === level)
}

export interface LogSettings {
  readonly path?: string
  /** A spdlog pattern. */
  readonly format?: string
  /** A JSON object of spdlog patterns, instead of `format`. */
  readonly jsonFormat?: Readonly<Record<string, unknown>>
  /** Line ends within a message are written as \n. */
  readonly escaped?: boolean
}

/** Throws where the file cannot be opened. */
export function configureLog(settings: LogSettings): void {
  if (settings.format !== undefined) target.line = compilePattern(settings.format)
  if (settings.jsonFormat !== undefined) target.line = compileJsonPattern(settings.jsonFormat)
  if (settings.escaped !== undefined) target.escaped = settings.escaped
  if (settings.path !== undefined && settings.path !== '') {
    target.path = settings.path
    target.descriptor = openSync(settings.path, 'a', 0o644)
  }
}

/** Opens the log file anew, after something has moved it away. The old one stays in use where that fails. */
export function reopenLog(): void {
  if (target.path === '') return
  const old = target.descriptor
  try {
    target.descriptor = openSync(target.path, 'a', 0o644)
  } catch {
    return
  }
  closeSync(old)
}
