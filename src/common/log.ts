// The application log: named loggers with levels of their own, in Envoy's format.

import { openSync, writeSync } from 'node:fs'

export const logLevels = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const
export type LogLevel = (typeof logLevels)[number]

const defaultFormat = '[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v'

interface LogTarget {
  descriptor: number
  path: string
  format: string
  json: boolean
  escaped: boolean
}

const target: LogTarget = { descriptor: 2, path: '', format: defaultFormat, json: false, escaped: false }
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
    this.#write(0, message)
  }

  debug(message: string): void {
    this.#write(1, message)
  }

  info(message: string): void {
    this.#write(2, message)
  }

  warn(message: string): void {
    this.#write(3, message)
  }

  error(message: string): void {
    this.#write(4, message)
  }

  critical(message: string): void {
    this.#write(5, message)
  }

  #write(level: number, message: string): void {
    if (level < this.#level) return
    const line = target.json ? jsonLine(this.name, level, message) : formatLine(target.format, this.name, level, message)
    try {
      writeSync(target.descriptor, `${line}\n`)
    } catch {
      // A log that cannot be written (a closed pipe, a full disk) must not stop the proxy.
    }
  }
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

/** Names that Envoy's `/logging` lists, so that levels can be set before a component logs. */
for (const name of ['admin', 'client', 'config', 'conn_handler', 'connection', 'dns', 'file', 'filter', 'health_checker',
  'http', 'main', 'misc', 'pool', 'router', 'runtime', 'stats', 'tracing', 'upstream']) getLogger(name)

export function allLoggers(): Logger[] {
  return [...loggers.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
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
  readonly json?: boolean
  /** Line ends within a message are written as \n. */
  readonly escaped?: boolean
}

/** Throws where the file cannot be opened. */
export function configureLog(settings: LogSettings): void {
  if (settings.format !== undefined) target.format = settings.format
  if (settings.json !== undefined) target.json = settings.json
  if (settings.escaped !== undefined) target.escaped = settings.escaped
  if (settings.path !== undefined && settings.path !== '') {
    target.path = settings.path
    target.descriptor = openSync(settings.path, 'a', 0o644)
  }
}

/** Opens the log file anew, after something has moved it away. */
export function reopenLog(): void {
  if (target.path !== '') target.descriptor = openSync(target.path, 'a', 0o644)
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

/** The pattern flags of spdlog that Envoy's documentation names. */
function formatLine(format: string, name: string, level: number, message: string): string {
  const now = new Date()
  const text = target.escaped ? message.replaceAll('\n', '\\n') : message
  return format.replace(/%([a-zA-Z#%_^$@])/g, (whole, flag: string) => {
    switch (flag) {
      case 'Y':
        return pad(now.getUTCFullYear(), 4)
      case 'm':
        return pad(now.getUTCMonth() + 1, 2)
      case 'd':
        return pad(now.getUTCDate(), 2)
      case 'H':
        return pad(now.getUTCHours(), 2)
      case 'M':
        return pad(now.getUTCMinutes(), 2)
      case 'S':
        return pad(now.getUTCSeconds(), 2)
      case 'T':
        return `${pad(now.getUTCHours(), 2)}:${pad(now.getUTCMinutes(), 2)}:${pad(now.getUTCSeconds(), 2)}`
      case 'e':
        return pad(now.getUTCMilliseconds(), 3)
      case 'f':
        return pad(now.getUTCMilliseconds() * 1000, 6)
      case 't':
      case 'P':
        return String(process.pid)
      case 'l':
        return logLevels[level]
      case 'L':
        return logLevels[level][0].toUpperCase()
      case 'n':
        return name
      case 'v':
        return text
      case '_':
        return text.replaceAll('\n', '\\n')
      case 'g':
      case 's':
        return name
      case '#':
        return '0'
      case '%':
        return '%'
      case '^':
      case '$':
        return ''
      default:
        return whole
    }
  })
}

function jsonLine(name: string, level: number, message: string): string {
  return JSON.stringify({ time: new Date().toISOString(), level: logLevels[level], name, pid: process.pid, message })
}
