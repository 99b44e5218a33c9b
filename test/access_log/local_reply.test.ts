import { describe, expect, test } from 'vitest'
import { AccessLogManager } from '../../src/access_log/access_log_manager.ts'
import { HeaderMap } from '../../src/common/header_map.ts'
import { compileLocalReply, type RewrittenReply } from '../../src/http/local_reply.ts'
import { createLocalStore } from '../../src/stats/store.ts'
import { ResponseFlag } from '../../src/stream_info/response_flags.ts'
import { accessLogContext, type LocalReplyConfig, localReplyView } from './config_support.ts'
import { formatterContext, headerMap, streamInfo } from './support.ts'

function context() {
  return accessLogContext(new AccessLogManager(createLocalStore(), { opensFiles: false }))
}

function isCase(value: string): object {
  return { header_filter: { header: { name: 'x-case', string_match: { exact: value } } } }
}

const config = {
  mappers: [
    { filter: isCase('status'), status_code: 418 },
    {
      filter: isCase('body'),
      body: { inline_string: 'mapped é body' },
      headers_to_add: [
        { header: { key: 'x-add', value: '%RESPONSE_CODE% %PROTOCOL%' } },
        { header: { key: 'content-type', value: 'a/b' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
      ],
    },
    {
      filter: isCase('json'),
      status_code: 500,
      body: { inline_string: 'mapped "q"' },
      body_format_override: {
        json_format: { status: '%RESPONSE_CODE%', message: '%LOCAL_REPLY_BODY%', d: '%RESPONSE_CODE_DETAILS%' },
      },
    },
    {
      filter: isCase('html'),
      body_format_override: {
        text_format_source: { inline_string: '<h1>%LOCAL_REPLY_BODY%</h1>' },
        content_type: 'text/html; charset=UTF-8',
      },
    },
    {
      filter: { status_code_filter: { comparison: { op: 'EQ', value: { default_value: 404, runtime_key: 'k' } } } },
      headers_to_add: [
        { header: { key: 'x-404', value: 'yes %RESP(x-404)%' } },
        { header: { key: 'x-left-out', value: '%REQ(no)%' } },
        { header: { key: 'x-kept', value: '%REQ(no)%' }, keep_empty_value: true },
      ],
    },
  ],
  body_format: {
    text_format_source: {
      inline_string: '[%RESPONSE_CODE% %LOCAL_REPLY_BODY% %REQ(x-none)% %RESPONSE_FLAGS% %RESP(content-type)%]\n',
    },
  },
}

/** A 404 without a route, as real Envoy was asked in the same cases. */
function rewrite(
  view: LocalReplyConfig | undefined,
  value: string,
  body = '',
): RewrittenReply & { headers: HeaderMap } {
  const info = streamInfo()
  info.setResponseFlag(ResponseFlag.NoRouteFound)
  info.responseCodeDetails = 'route_not_found'
  info.responseCode = 0
  const headers = new HeaderMap()
  headers.status = 404
  const ctx = formatterContext({
    streamInfo: info,
    requestHeaders: headerMap({ 'x-case': value }),
    responseHeaders: headers,
  })
  const reply = compileLocalReply(view, context()).rewrite(ctx, headers, body)
  expect(headers.status).toBe(reply.status)
  expect(info.responseCode).toBe(reply.status)
  return { ...reply, headers }
}

describe('local_reply_config', () => {
  const view = localReplyView(config)

  test('a status is mapped, and formats see the new one', () => {
    const reply = rewrite(view, 'status')
    expect(reply).toMatchObject({ status: 418, body: '[418  - NR -]\n', contentType: 'text/plain' })
  })

  test('a body and headers are mapped; a content-type among them stays', () => {
    const reply = rewrite(view, 'body')
    expect(reply).toMatchObject({ status: 404, body: '[404 mapped \xc3\xa9 body - NR a/b]\n', contentType: 'a/b' })
    expect(reply.headers.get('x-add')).toBe('404 HTTP/1.1')
  })

  test('a JSON format escapes the body and says so in the content type', () => {
    expect(rewrite(view, 'json')).toMatchObject({
      status: 500,
      body: '{"d":"route_not_found","message":"mapped \\"q\\"","status":500}\n',
      contentType: 'application/json',
    })
  })

  test('a format of its own may name its content type', () => {
    expect(rewrite(view, 'html', 'dr')).toMatchObject({
      body: '<h1>dr</h1>',
      contentType: 'text/html; charset=UTF-8',
    })
  })

  test('the first filter that matches decides; empty values are left out unless kept', () => {
    const { headers, body } = rewrite(view, 'none')
    expect(body).toBe('[404  - NR -]\n')
    expect(headers.get('x-404')).toBe('yes ')
    expect(headers.has('x-left-out')).toBe(false)
    expect(headers.get('x-kept')).toBe('')
    expect(rewrite(view, 'status').headers.has('x-404')).toBe(false)
  })

  test('append actions', () => {
    const actions = ['APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS', 'OVERWRITE_IF_EXISTS_OR_ADD']
    const added = (name: string): object[] =>
      actions.map((action) => ({ header: { key: name, value: action }, append_action: action }))
    const all = localReplyView({ mappers: [{ filter: isCase('x'), headers_to_add: added('x-h').slice(0, 2) }] })
    expect(rewrite(all, 'x').headers.getAll('x-h')).toEqual(['APPEND_IF_EXISTS_OR_ADD'])
    const absent = localReplyView({ mappers: [{ filter: isCase('x'), headers_to_add: added('x-h').slice(2, 3) }] })
    expect(rewrite(absent, 'x').headers.has('x-h')).toBe(false)
    const over = localReplyView({ mappers: [{ filter: isCase('x'), headers_to_add: added('x-h') }] })
    expect(rewrite(over, 'x').headers.getAll('x-h')).toEqual(['OVERWRITE_IF_EXISTS_OR_ADD'])
  })
})

test('without a configuration a reply stays as it is', () => {
  expect(rewrite(undefined, 'none', 'body')).toMatchObject({ status: 404, body: 'body', contentType: 'text/plain' })
})

test('a format that is wrong is reported', () => {
  const target = context()
  compileLocalReply(localReplyView({ body_format: { json_format: { a: '%NOPE%' } } }), target)
  expect(target.errors.errors.map((issue) => issue.message)).toEqual(['Not supported field in StreamInfo: NOPE'])
})
