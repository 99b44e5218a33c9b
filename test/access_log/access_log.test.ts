import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AccessLogContext, createAccessLogs } from '../../src/access_log/access_log.ts'
import { compileAccessLogFilter } from '../../src/access_log/access_log_filter.ts'
import { AccessLogManager } from '../../src/access_log/access_log_manager.ts'
import type { FormatterContext } from '../../src/access_log/formatter_context.ts'
import { createLocalStore } from '../../src/stats/store.ts'
import { ResponseFlag } from '../../src/stream_info/response_flags.ts'
import type { StreamInfo } from '../../src/stream_info/stream_info.ts'
import { accessLogContext, accessLogViews, fileLog } from './config_support.ts'
import { formatterContext, headerMap, streamInfo } from './support.ts'

let folder: string
let path: string
let manager: AccessLogManager
let context: AccessLogContext

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nuncio-access-log-'))
  path = join(folder, 'a.log')
  manager = new AccessLogManager(createLocalStore(), { flushIntervalMs: 3_600_000 })
  context = accessLogContext(manager)
})

afterEach(() => {
  manager.close()
  rmSync(folder, { recursive: true })
})

async function lineOf(settings: object, ctx: FormatterContext = formatterContext()): Promise<string> {
  for (const log of createAccessLogs(accessLogViews([fileLog({ path, ...settings })]), context)) log.log(ctx)
  await manager.flushAll()
  return readFileSync(path, 'latin1')
}

function errorsOf(settings: object): string[] {
  const logs = createAccessLogs(accessLogViews([fileLog({ path, ...settings })]), context)
  expect(logs).toHaveLength(0)
  return context.errors.errors.map((issue) => issue.message)
}

const source = (text: string): object => ({ text_format_source: { inline_string: text } })

describe('formats of a file log', () => {
  test('none: the default', async () => {
    expect(await lineOf({})).toBe(
      '[2026-11-21T07:28:51.004Z] "GET /p/a%20b?a=1%202&b=x+y&a=3 HTTP/1.1" 200 - 5 100000 12 - "-" "-" "-" ' +
        '"Ex.com:88" "-"\n',
    )
  })

  test.each([
    ['log_format text', { log_format: source('%PROTOCOL% é\n') }, 'HTTP/1.1 \xc3\xa9\n'],
    ['log_format text_format', { log_format: { text_format: '%PROTOCOL%\n' } }, 'HTTP/1.1\n'],
    ['omitted values', { log_format: { ...source('[%REQ(no)%]'), omit_empty_values: true } }, '[]'],
    ['log_format JSON', { log_format: { json_format: { b: '%PROTOCOL%', a: 1 } } }, '{"a":1,"b":"HTTP/1.1"}\n'],
    ['format', { format: '%RESPONSE_CODE%\n' }, '200\n'],
    ['json_format', { json_format: { c: '%RESPONSE_CODE%' } }, '{"c":200}\n'],
    ['typed_json_format', { typed_json_format: { c: '%RESPONSE_CODE%' } }, '{"c":200}\n'],
  ])('%s', async (_, settings, expected) => {
    expect(await lineOf(settings)).toBe(expected)
  })

  test('a format in a file, and one in a variable', async () => {
    const formatFile = join(folder, 'format')
    writeFileSync(formatFile, 'from file %PROTOCOL%\n')
    process.env.NUNCIO_TEST_FORMAT = 'from variable\n'
    await lineOf({ log_format: { text_format_source: { filename: formatFile } } })
    const both = await lineOf({ log_format: { text_format_source: { environment_variable: 'NUNCIO_TEST_FORMAT' } } })
    delete process.env.NUNCIO_TEST_FORMAT
    expect(both).toBe('from file HTTP/1.1\nfrom variable\n')
  })

  test('operators of the formatter extensions', async () => {
    const type = 'type.googleapis.com/envoy.extensions.formatter'
    const formatters = [
      { name: 'q', typed_config: { '@type': `${type}.req_without_query.v3.ReqWithoutQuery` } },
      { name: 'm', typed_config: { '@type': `${type}.metadata.v3.Metadata` } },
    ]
    const text = '%REQ_WITHOUT_QUERY(:path)% %REQ_WITHOUT_QUERY(no?:PATH):3% %METADATA(DYNAMIC:n:s)%\n'
    expect(await lineOf({ log_format: { ...source(text), formatters } })).toBe('/p/a%20b /p/ -\n')
    expect(await lineOf({ log_format: { json_format: { a: '%REQ_WITHOUT_QUERY(no)%' }, formatters } })).toContain(
      '{"a":null}\n',
    )
  })
})

describe('what is wrong is reported at its place', () => {
  test('an unknown operator', () => {
    expect(errorsOf({ log_format: source('%NOPE%') })).toEqual(['Not supported field in StreamInfo: NOPE'])
    const [issue] = context.errors.errors
    expect(issue.path).toMatch(/access_log\[0\]\.typed_config\.log_format\.text_format_source$/)
  })

  test.each([
    [{ json_format: { a: '%' } }, "Incorrect configuration: %. Couldn't find valid command at position 0"],
    [{ format: '%REQ%' }, 'REQ requires parameters'],
    [
      { log_format: { text_format_source: { environment_variable: 'NO_SUCH_VARIABLE_HERE' } } },
      "Environment variable doesn't exist: NO_SUCH_VARIABLE_HERE",
    ],
    [{ path: '/no/such/folder/a.log' }, "unable to open file '/no/such/folder/a.log': no such file or directory"],
  ])('%j', (settings, message) => {
    expect(errorsOf(settings)).toEqual([message])
  })

  test('an access logger or a formatter that is not there', () => {
    const grpc = {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig',
    }
    createAccessLogs(accessLogViews([{ name: 'otel', typed_config: grpc }]), context)
    expect(context.errors.errors[0].message).toContain("Didn't find a registered implementation for 'otel'")
  })
})

describe('filters', () => {
  function passes(filter: object, ctx: FormatterContext = formatterContext()): boolean {
    const [view] = accessLogViews([fileLog({ path: '/dev/null' }, filter)])
    return compileAccessLogFilter(view.filter!, context)(ctx)
  }

  test('stand before their own log', async () => {
    const views = accessLogViews([
      fileLog({ path, format: 'not written\n' }, { status_code_filter: compare('GE', 500) }),
      fileLog({ path, format: 'written\n' }, { status_code_filter: compare('LE', 500) }),
      fileLog({ path, format: 'always\n' }),
    ])
    for (const log of createAccessLogs(views, context)) log.log(formatterContext())
    await manager.flushAll()
    expect(readFileSync(path, 'latin1')).toBe('written\nalways\n')
  })

  function withInfo(change: (info: StreamInfo) => void): FormatterContext {
    const info = streamInfo()
    change(info)
    return formatterContext({ streamInfo: info })
  }

  const compare = (op: string, value: number): object => ({
    comparison: { op, value: { default_value: value, runtime_key: 'log.limit' } },
  })

  test('status code, with its limit from runtime', () => {
    expect(passes({ status_code_filter: compare('EQ', 200) })).toBe(true)
    expect(passes({ status_code_filter: compare('GE', 201) })).toBe(false)
    expect(passes({ status_code_filter: compare('LE', 200) })).toBe(true)
    context.runtime.update({ 'log.limit': 100 })
    expect(passes({ status_code_filter: compare('EQ', 200) })).toBe(false)
    expect(passes({ status_code_filter: compare('GE', 201) })).toBe(true)
  })

  test('duration in milliseconds', () => {
    expect(passes({ duration_filter: compare('GE', 12) })).toBe(true)
    expect(passes({ duration_filter: compare('GE', 13) })).toBe(false)
  })

  test('health checks and traces', () => {
    const check = withInfo((info) => {
      info.healthCheck = true
      info.traceId = 't'
    })
    expect(passes({ not_health_check_filter: {} })).toBe(true)
    expect(passes({ not_health_check_filter: {} }, check)).toBe(false)
    expect(passes({ traceable_filter: {} })).toBe(false)
    expect(passes({ traceable_filter: {} }, check)).toBe(false)
    expect(
      passes(
        { traceable_filter: {} },
        withInfo((info) => Object.assign(info, { traceId: 't' })),
      ),
    ).toBe(true)
  })

  test('and, or', () => {
    const yes = { not_health_check_filter: {} }
    const no = { traceable_filter: {} }
    expect(passes({ and_filter: { filters: [yes, yes] } })).toBe(true)
    expect(passes({ and_filter: { filters: [yes, no] } })).toBe(false)
    expect(passes({ or_filter: { filters: [no, yes] } })).toBe(true)
    expect(passes({ or_filter: { filters: [no, { and_filter: { filters: [yes, no] } }] } })).toBe(false)
  })

  test('the runtime fraction draws from the request id, as every Envoy on the way does', () => {
    const half = { runtime_filter: { runtime_key: 'k', percent_sampled: { numerator: 50 } } }
    const million = {
      runtime_filter: { runtime_key: 'k', percent_sampled: { numerator: 500_000, denominator: 'MILLION' } },
    }
    const drawn = (id: string): FormatterContext => withInfo((info) => Object.assign(info, { requestId: id }))
    const verdicts = [
      'ea373023-b14e-4178-b8b9-452510929f69',
      'c2b5f5e0-1640-471a-9954-3eb0ddde0e89',
      '3d216b15-1896-4efb-8710-5768ca8b29e5',
    ].map((id) => [passes(half, drawn(id)), passes(million, drawn(id))])
    expect(verdicts).toEqual([
      [true, true],
      [false, false],
      [false, false],
    ])
    expect(passes({ runtime_filter: { runtime_key: 'k' } })).toBe(false)
    const independent = {
      runtime_filter: { runtime_key: 'k', percent_sampled: { numerator: 100 }, use_independent_randomness: true },
    }
    expect(passes(independent)).toBe(true)
    context.runtime.update({ k: 0 })
    expect(passes(independent)).toBe(false)
  })

  test('response flags, named or any', () => {
    const refused = withInfo((info) => info.setResponseFlag(ResponseFlag.NoRouteFound))
    expect(passes({ response_flag_filter: { flags: ['NR', 'UH'] } }, refused)).toBe(true)
    expect(passes({ response_flag_filter: { flags: ['UH'] } }, refused)).toBe(false)
    expect(passes({ response_flag_filter: {} }, refused)).toBe(true)
    expect(passes({ response_flag_filter: {} })).toBe(false)
  })

  test('gRPC status, which other requests have by their HTTP status', () => {
    const missing = withInfo((info) => Object.assign(info, { responseCode: 404 }))
    const canceled = formatterContext({ responseTrailers: headerMap({ 'grpc-status': '1' }) })
    expect(passes({ grpc_status_filter: { statuses: ['UNIMPLEMENTED'] } }, missing)).toBe(true)
    expect(passes({ grpc_status_filter: { statuses: ['OK'] } })).toBe(false)
    expect(passes({ grpc_status_filter: { statuses: ['OK'], exclude: true } })).toBe(true)
    expect(passes({ grpc_status_filter: { statuses: ['CANCELED'] } }, canceled)).toBe(true)
  })

  test('log type', () => {
    expect(passes({ log_type_filter: { types: ['DownstreamEnd'] } })).toBe(true)
    expect(passes({ log_type_filter: { types: ['DownstreamEnd'], exclude: true } })).toBe(false)
    expect(passes({ log_type_filter: { types: ['DownstreamStart'] } })).toBe(false)
    expect(passes({ log_type_filter: {} })).toBe(false)
  })

  describe('headers, each value by itself', () => {
    const request = headerMap({ ':path': '/x', 'x-n': '7', 'x-c': 'a,b' })
    request.add('x-m', 'one')
    request.add('x-m', 'two')
    const exact = (value: string): object => ({ string_match: { exact: value } })

    test.each([
      [{ name: 'x-m', ...exact('one') }, true],
      [{ name: 'X-M', ...exact('two') }, true],
      [{ name: 'x-m', ...exact('one,two') }, false],
      [{ name: 'x-m', ...exact('one'), invert_match: true }, false],
      [{ name: 'x-m', ...exact('zzz'), invert_match: true }, true],
      [{ name: 'x-none', ...exact('zzz'), invert_match: true }, false],
      [{ name: 'x-none', ...exact(''), treat_missing_header_as_empty: true }, true],
      [{ name: 'x-none', ...exact('a'), treat_missing_header_as_empty: true, invert_match: true }, true],
      [{ name: 'x-none', present_match: true }, false],
      [{ name: 'x-none', present_match: false }, true],
      [{ name: 'x-none', present_match: true, invert_match: true }, true],
      [{ name: 'x-none', present_match: true, treat_missing_header_as_empty: true }, true],
      [{ name: 'x-m' }, true],
      [{ name: 'x-none' }, false],
      [{ name: 'x-n', range_match: { start: 5, end: 10 } }, true],
      [{ name: 'x-n', range_match: { start: 5, end: 7 } }, false],
      [{ name: 'x-m', range_match: { start: -50, end: 70 } }, false],
      [{ name: 'x-m', range_match: { start: -50, end: 70 }, invert_match: true }, true],
      [{ name: ':path', string_match: { prefix: '/x' } }, true],
      [{ name: 'x-c', ...exact('b') }, false],
      [{ name: 'x-m', string_match: { safe_regex: { regex: 't.o' } } }, true],
    ])('%j: %s', (header, expected) => {
      expect(passes({ header_filter: { header } }, formatterContext({ requestHeaders: request }))).toBe(expected)
    })

    test('a connection without headers matches none', () => {
      const ctx = formatterContext({ requestHeaders: undefined })
      expect(passes({ header_filter: { header: { name: 'x-m', present_match: true } } }, ctx)).toBe(false)
    })
  })

  describe('dynamic metadata', () => {
    const matcher = (keys: string[], value: object, more: object = {}): object => ({
      metadata_filter: { matcher: { filter: 'n', path: keys.map((key) => ({ key })), value, ...more } },
    })
    const strict = (filter: object): object => {
      const { metadata_filter: inner } = filter as { metadata_filter: object }
      return { metadata_filter: { ...inner, match_if_key_not_found: false } }
    }
    const isStr = { string_match: { exact: 'str' } }

    test.each([
      [matcher(['s'], isStr), true],
      [matcher(['s'], isStr, { invert: true }), true],
      [matcher(['s'], { string_match: { exact: 'other' } }), false],
      [matcher(['missing'], isStr), true],
      [strict(matcher(['missing'], isStr)), false],
      [strict(matcher(['z'], { null_match: {} })), true],
      [matcher(['l'], { list_match: { one_of: { double_match: { exact: 2 } } } }), true],
      [matcher(['l'], { list_match: { one_of: { double_match: { range: { start: 3, end: 4 } } } } }), false],
      [matcher(['b'], { or_match: { value_matchers: [isStr, { bool_match: true }] } }), true],
      [matcher(['s'], { present_match: false }), false],
      [strict(matcher(['o', 'd'], { present_match: true })), true],
      [strict(matcher(['o'], { present_match: true })), true],
      [{ metadata_filter: {} }, true],
      [{ metadata_filter: { match_if_key_not_found: false } }, false],
    ])('%j: %s', (filter, expected) => {
      const ctx = withInfo((info) =>
        info.setDynamicMetadata('n', { s: 'str', z: null, b: true, l: ['a', 2], o: { d: 1 } }),
      )
      expect(passes(filter, ctx)).toBe(expected)
    })
  })

  test('an extension that is not there is refused, and lets nothing pass', () => {
    const type = 'type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter'
    const filter = { extension_filter: { name: 'cel', typed_config: { '@type': type, expression: 'true' } } }
    expect(passes(filter)).toBe(false)
    expect(context.errors.errors[0].message).toContain("Didn't find a registered implementation for 'cel'")
  })
})
