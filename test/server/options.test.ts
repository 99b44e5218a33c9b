// The command line: Envoy's flags, its errors.

import { describe, expect, test } from 'vitest'
import { flags, helpText, parseCommandLine } from '../../src/server/options.ts'
import { optionsOf, refusalOf } from './support.ts'

/** Every flag of `envoy --help`, 1.40. */
const envoyFlags =
  `stats-tag enable-core-dump socket-mode socket-path disable-extensions cpuset-threads enable-mutex-tracing
  disable-hot-restart mode parent-shutdown-time-s drain-strategy drain-time-s file-flush-min-size-kb file-flush-interval-msec
  service-zone service-node service-cluster hot-restart-version restart-epoch log-path enable-fine-grain-logging
  log-format-escaped log-format component-log-level log-level local-address-ip-version admin-address-path
  ignore-unknown-dynamic-fields reject-unknown-dynamic-fields allow-unknown-static-fields allow-unknown-fields config-yaml
  config-path concurrency base-id-path skip-hot-restart-parent-stats skip-hot-restart-on-no-parent use-dynamic-base-id base-id
  skip-deprecated-logs log-stacktrace-single-entry version help`.split(/\s+/)

test('every flag of Envoy is known', () => {
  const known = new Set(flags.map((flag) => flag.name))
  expect(envoyFlags.filter((name) => !known.has(name))).toEqual([])
})

test('the help names every flag', () => {
  const help = helpText()
  for (const { name } of flags) expect(help).toContain(`--${name}`)
})

describe('values', () => {
  test('stand behind a space or an equals sign', () => {
    expect(optionsOf('-c', 'a.yaml').configPath).toBe('a.yaml')
    expect(optionsOf('--config-path', 'a.yaml').configPath).toBe('a.yaml')
    expect(optionsOf('--config-path=a=b.yaml').configPath).toBe('a=b.yaml')
  })

  test("defaults are Envoy's", () => {
    expect(optionsOf()).toMatchObject({
      mode: 'serve',
      logLevel: 'info',
      drainTimeSeconds: 600,
      drainStrategy: 'gradual',
      parentShutdownTimeSeconds: 900,
      fileFlushIntervalMs: 10_000,
      fileFlushMinSizeBytes: 65_536,
      localAddressIpVersion: 'v4',
      restartEpoch: 0,
      baseId: 0,
      configPath: undefined,
    })
  })

  test('no workers means one', () => {
    expect(optionsOf('--concurrency', '0').concurrency).toBe(1)
    expect(optionsOf('--concurrency', '3').concurrency).toBe(3)
  })

  test('levels', () => {
    expect(optionsOf('-l', 'warn').logLevel).toBe('warning')
    const { componentLogLevels } = optionsOf('--component-log-level', 'upstream:debug,config:trace')
    expect(componentLogLevels).toEqual([
      ['upstream', 'debug'],
      ['config', 'trace'],
    ])
    expect(optionsOf('--component-log-level', '').componentLogLevels).toEqual([])
  })

  test('--stats-tag may be repeated', () => {
    expect(optionsOf('--stats-tag', 'a:b', '--stats-tag', 'c:d:e').statsTags).toEqual(['a:b', 'c:d:e'])
  })

  test('what stands behind -- is not read', () => {
    expect(optionsOf('--concurrency', '2', '--', '--no-such-flag').concurrency).toBe(2)
    expect(optionsOf('--concurrency', '2', '--ignore_rest', 'more').concurrency).toBe(2)
  })

  test('flags without effect and deprecated ones are said', () => {
    expect(optionsOf('--enable-mutex-tracing', '--allow-unknown-fields').warnings).toEqual([
      '--allow-unknown-fields is deprecated, use --allow-unknown-static-fields instead.',
      '--enable-mutex-tracing is accepted and has no effect',
    ])
    expect(optionsOf('--allow-unknown-fields').allowUnknownStaticFields).toBe(true)
  })
})

describe("errors in Envoy's words", () => {
  const parseErrors: [args: string[], argument: string, problem: string][] = [
    [['--foo'], '--foo', "Couldn't find match for argument"],
    [['extra'], 'extra', "Couldn't find match for argument"],
    [['--disable-hot-restart=1'], '--disable-hot-restart=1', "Couldn't find match for argument"],
    [['-c'], '-c (--config-path)', 'Missing a value for this argument!'],
    [['-c', 'a', '-c', 'b'], '-c (--config-path)', 'Argument already set!'],
    [['--concurrency', 'x'], '(--concurrency)', "Couldn't read argument value from string 'x'"],
    [['--concurrency', '1.5'], '(--concurrency)', "Couldn't read argument value from string '1.5'"],
    [['--concurrency', '-1'], '(--concurrency)', "Couldn't read argument value from string '-1'"],
  ]
  test.each(parseErrors)('%j', (args, argument, problem) => {
    expect(refusalOf(...args)).toContain(`PARSE ERROR: Argument: ${argument}\n             ${problem}\n`)
  })

  const errors: [args: string[], message: string][] = [
    [['-l', 'bogus'], "error: invalid log level specified 'bogus'"],
    [['--component-log-level', 'foo:debug'], "error: invalid component specified 'foo'"],
    [['--component-log-level', 'upstream:bogus'], "error: invalid log level specified 'bogus'"],
    [['--component-log-level', 'upstream'], "error: component log level not correctly specified 'upstream'"],
    [['--component-log-level', 'upstream:debug,'], "error: component log level not correctly specified ''"],
    [['--mode', 'bogus'], "error: unknown mode 'bogus'"],
    [['--drain-strategy', 'bogus'], "error: unknown drain-strategy 'bogus'"],
    [['--local-address-ip-version', 'v5'], "error: unknown IP address version 'v5'"],
    [['--stats-tag', 'foo'], "error: misformatted stats-tag 'foo'"],
    [['--stats-tag', 'a b:c'], "error: misformatted stats-tag 'a b:c' contains invalid char in 'a b'"],
    [
      ['--use-dynamic-base-id', '--restart-epoch', '1'],
      'error: cannot use --restart-epoch=1 with --use-dynamic-base-id',
    ],
    [
      ['--component-log-level', 'upstream:debug', '--enable-fine-grain-logging'],
      'error: --component-log-level will not work with --enable-fine-grain-logging',
    ],
    [['--watch'], 'error: --watch needs a file to follow, which --config-path (-c) names'],
    [['--watch', '--config-yaml', '{}'], 'error: --watch needs a file to follow, which --config-path (-c) names'],
  ]
  test.each(errors)('%j', (args, message) => {
    expect(refusalOf(...args)).toBe(message)
  })
})

test('what is printed instead of run', () => {
  expect(parseCommandLine(['--version'])).toEqual({ kind: 'print', what: 'version' })
  expect(parseCommandLine(['-c', 'a', '--help'])).toEqual({ kind: 'print', what: 'help' })
  expect(parseCommandLine(['--hot-restart-version'])).toEqual({ kind: 'print', what: 'hot_restart_version' })
  expect(parseCommandLine(['schema'])).toEqual({ kind: 'print', what: 'schema' })
  expect(refusalOf('schema', 'x')).toContain('schema takes no arguments')
})
