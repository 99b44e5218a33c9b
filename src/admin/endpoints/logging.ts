// /logging: shows and sets the levels of the application log, in main and every worker.

import { allLoggers, isLogger, type LogLevel, logLevels } from '../../common/log.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, textReply } from '../endpoint.ts'
import type { QueryParams } from '../query_params.ts'

type LevelChange = readonly [name: string, level: LogLevel]

/** What is wrong with a request, in Envoy's words. */
class LoggingError extends Error {}

const usage =
  'usage: /logging?<name>=<level> (change single level)\n' +
  'usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n' +
  'usage: /logging?level=<level> (change all levels)\n' +
  'usage: /logging?group=<group_name>:<level> (change group of loggers)\n' +
  `levels: ${logLevels.join(' ')} \n`

export function loggingEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/logging',
    help: 'show or change log levels; a logger is also changed by <name>=<level>',
    mutates: true,
    params: [
      { name: 'paths', kind: 'text', help: 'several loggers: <name>:<level>,<name>:<level>' },
      { name: 'group', kind: 'text', help: 'a group of loggers, of which fine-grain logging has some' },
      { name: 'level', kind: 'choice', choices: ['', ...logLevels], help: 'the level of all loggers' },
    ],
    answer: async ({ query }) => {
      try {
        const changes = changesOf(query)
        if (changes.length > 0) await control.setLogLevels(changes)
        return textReply(activeLoggers())
      } catch (error) {
        if (!(error instanceof LoggingError)) throw error
        return textReply(`error: ${error.message}\n\n${usage}${activeLoggers()}`, 400)
      }
    },
  }
}

function activeLoggers(): string {
  return `active loggers:\n${allLoggers()
    .map(({ name, level }) => `  ${name}: ${level}\n`)
    .join('')}\n`
}

function changesOf(query: QueryParams): LevelChange[] {
  const given = query.entries().filter(([, value]) => value !== '')
  if (given.length === 0) return []
  if (given.length > 1) throw new LoggingError('invalid number of parameters')
  const [[name, value]] = given
  switch (name) {
    case 'level':
      return [['*', levelOf(value)]]
    case 'group':
      throw new LoggingError('group parameter requires fine-grain logging to be enabled')
    case 'paths':
      return value.split(',').map(pathChange)
    default:
      return [change(name, value)]
  }
}

function pathChange(text: string): LevelChange {
  const parts = text.split(':')
  if (parts.length !== 2 || parts[0] === '' || parts[1] === '')
    throw new LoggingError('empty logger name or empty logger level')
  return change(parts[0], parts[1])
}

function change(name: string, level: string): LevelChange {
  const parsed = levelOf(level)
  if (!isLogger(name)) throw new LoggingError('unknown logger name')
  return [name, parsed]
}

function levelOf(text: string): LogLevel {
  const level = logLevels.find((each) => each === text)
  if (level === undefined) throw new LoggingError('unknown logger level')
  return level
}
