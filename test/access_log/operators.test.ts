import { describe, expect, test } from 'vitest'
import { compileFormat, compileJsonFormat, defaultAccessLogFormat } from '../../src/access_log/formatter.ts'
import type { FormatterContext } from '../../src/access_log/formatter_context.ts'
import { ResponseFlag } from '../../src/stream_info/response_flags.ts'
import { downstreamInfo, formatterContext, headerMap, ipAddress, streamInfo } from './support.ts'

function text(operator: string, ctx: FormatterContext = formatterContext()): string {
  return compileFormat(`%${operator}%`).format(ctx)
}

function json(operator: string, ctx: FormatterContext = formatterContext()): string {
  return compileJsonFormat({ v: `%${operator}%` })
    .format(ctx)
    .slice('{"v":'.length, -2)
}

/** A proxied stream: a rewritten path, one upstream attempt. */
function proxied(): FormatterContext {
  const info = streamInfo()
  const upstream = info.upstreamInfo()
  const host = {
    address: ipAddress('127.0.0.1', 23210),
    hostname: 'localhost',
    metadata: { ns: { s: 'host' } },
    cluster: { name: 'back', observabilityName: 'back_alt', metadata: { ns: { s: 'cluster' } } },
  }
  upstream.host = host
  info.upstreamCluster = host.cluster
  upstream.localAddress = ipAddress('127.0.0.1', 40664)
  upstream.remoteAddress = host.address
  upstream.connectionId = 2
  upstream.protocol = 'HTTP/1.1'
  upstream.hostsAttempted = [host, { ...host, hostname: '', address: ipAddress('::1', 80) }]
  upstream.connectionIdsAttempted = [2, 5]
  upstream.firstTxByteSentMs = 1001.2
  upstream.lastTxByteSentMs = 1002.9
  upstream.firstRxByteReceivedMs = 1005.5
  upstream.connectionPoolReadyMs = 1001.1
  info.lastDownstreamRxByteMs = 1000.9
  info.lastDownstreamTxByteMs = 1010.25
  info.attemptCount = 2
  info.routeName = 'up-route'
  const requestHeaders = headerMap({
    ':method': 'POST',
    ':path': '/rep/q?a=1',
    ':authority': 'h',
    'x-envoy-original-path': '/p/q?a=1&b=2',
  })
  return formatterContext({ streamInfo: info, requestHeaders })
}

/** What Envoy 1.40 prints as text, and as JSON where that differs from the quoted text. */
const direct: readonly [operator: string, text: string, json?: string][] = [
  ['PROTOCOL', 'HTTP/1.1'],
  ['PATH', '/p/a%20b?a=1%202&b=x+y&a=3'],
  ['PATH(NQ)', '/p/a%20b'],
  ['PATH(WQ:ORIG)', '-', 'null'],
  ['PATH:5', '/p/a%'],
  ['QUERY_PARAM(a)', '1 2'],
  ['QUERY_PARAM(b)', 'x+y'],
  ['QUERY_PARAM(zz)', '-', 'null'],
  ['QUERY_PARAM(a):2', '1 '],
  ['QUERY_PARAMS', 'a=1%202&b=x+y&a=3'],
  ['STREAM_ID', '775b8891-3473-46c4-a5f3-1e6fa5f8db57'],
  ['TRACE_ID', '-', 'null'],
  ['RESPONSE_CODE', '200', '200'],
  ['RESPONSE_FLAGS', '-', '"-"'],
  ['LOCAL_REPLY_BODY', '', '""'],
  ['CUSTOM_FLAGS', '', '""'],
  ['START_TIME', '2026-11-21T07:28:51.004Z'],
  ['START_TIME(%s.%3f)', '1795246131.004'],
  ['DURATION', '12', '12'],
  ['REQUEST_TX_DURATION', '-', 'null'],
  ['RESPONSE_DURATION', '-', 'null'],
  ['COMMON_DURATION(DS_RX_BEG:US_TX_BEG:ms)', '-', 'null'],
  ['BYTES_SENT', '100000', '100000'],
  ['REQUEST_HEADERS_BYTES', '87', '87'],
  ['RESPONSE_TRAILERS_BYTES', '0', '0'],
  ['UPSTREAM_WIRE_BYTES_SENT', '0', '0'],
  ['DOWNSTREAM_REMOTE_ADDRESS', '10.1.2.3:40000'],
  ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', '10.1.2.3'],
  ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(x)', '10.1.2.3'],
  ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)', '10.1.0.0/16'],
  ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(33)', '10.1.2.3/32'],
  ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(0)', '0.0.0.0/0'],
  ['DOWNSTREAM_REMOTE_PORT', '40000', '40000'],
  ['DOWNSTREAM_DIRECT_REMOTE_ADDRESS', '10.9.8.7:40001'],
  ['DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID', '', '""'],
  ['REQUESTED_SERVER_NAME', '-', 'null'],
  ['REQUESTED_SERVER_NAME(SNI_FIRST)', 'Ex.com:88'],
  ['REQUESTED_SERVER_NAME(HOST_FIRST:ORIG)', '-', 'null'],
  ['CONNECTION_ID', '7', '7'],
  ['DOWNSTREAM_DETECTED_CLOSE_TYPE', 'Normal'],
  ['UPSTREAM_HOST', '-', 'null'],
  ['UPSTREAM_CLUSTER', '-', 'null'],
  ['UPSTREAM_CONNECTION_ID', '0', '0'],
  ['UPSTREAM_REQUEST_ATTEMPT_COUNT', '0', '0'],
  ['UPSTREAM_DETECTED_CLOSE_TYPE', '-', 'null'],
  ['DOWNSTREAM_TLS_VERSION', '-', 'null'],
  ['DOWNSTREAM_PEER_CERT_V_START(%Y)', '-', 'null'],
  ['ROUTE_NAME', '-', 'null'],
  ['LISTENER_NAME', 'ingress'],
  ['FILTER_CHAIN_NAME', 'chain'],
  ['ACCESS_LOG_TYPE', 'DownstreamEnd'],
  ['ENVIRONMENT(NO_SUCH_VARIABLE_HERE)', '-', '"-"'],
  ['REQ(X-A)', 'abcdef'],
  ['REQ(X-NONE)', '-', 'null'],
  ['REQ(X-NONE?X-A)', 'abcdef'],
  ['REQ(x-a?)', 'abcdef'],
  ['REQ(X-A):3', 'abc'],
  ['REQ(:METHOD)', 'GET'],
  ['REQ(:AUTHORITY)', 'Ex.com:88'],
  ['REQ(:SCHEME)', 'http'],
  ['REQ(x-empty)', '', '""'],
  ['STREAM_INFO_REQ(x-a)', 'abcdef'],
  ['RESP(:STATUS)', '200'],
  ['RESPONSE_HEADER(content-type)', 'text/plain'],
  ['TRAILER(x-t)', '-', 'null'],
  ['COALESCE({"operators":["TRACE_ID",{"command":"REQ","param":":path","max_length":3}]})', '/p/'],
]

test.each(direct.map(([operator, expected, json]) => ({ operator, expected, expectedJson: json })))(
  '$operator',
  ({ operator, expected, expectedJson }) => {
    expect(text(operator)).toBe(expected)
    expect(json(operator)).toBe(expectedJson ?? JSON.stringify(expected))
  },
)

const upstream: readonly (readonly [operator: string, text: string])[] = [
  ['PATH', '/p/q?a=1&b=2'],
  ['PATH(NQ:PATH)', '/rep/q'],
  ['PATH(NQ:ORIG_OR_PATH)', '/p/q'],
  ['QUERY_PARAM(b)', '2'],
  ['REQ(X-ENVOY-ORIGINAL-PATH?:PATH)', '/p/q?a=1&b=2'],
  ['REQUEST_DURATION', '0'],
  ['REQUEST_TX_DURATION', '2'],
  ['RESPONSE_DURATION', '5'],
  ['RESPONSE_TX_DURATION', '4'],
  ['COMMON_DURATION(DS_RX_BEG:US_TX_BEG:us)', '1200'],
  ['COMMON_DURATION(DS_RX_BEG:DS_TX_END)', '10'],
  ['COMMON_DURATION(DS_TX_END:DS_RX_BEG)', '-'],
  ['UPSTREAM_CONNECTION_POOL_READY_DURATION', '1'],
  ['UPSTREAM_HOST', '127.0.0.1:23210'],
  ['UPSTREAM_HOST_NAME', 'localhost'],
  ['UPSTREAM_CLUSTER', 'back_alt'],
  ['UPSTREAM_CLUSTER_RAW', 'back'],
  ['UPSTREAM_LOCAL_ADDRESS', '127.0.0.1:40664'],
  ['UPSTREAM_REMOTE_PORT', '23210'],
  ['UPSTREAM_PROTOCOL', 'HTTP/1.1'],
  ['UPSTREAM_CONNECTION_ID', '2'],
  ['UPSTREAM_REQUEST_ATTEMPT_COUNT', '2'],
  ['UPSTREAM_DETECTED_CLOSE_TYPE', 'Normal'],
  ['UPSTREAM_HOSTS_ATTEMPTED', '127.0.0.1:23210,[::1]:80'],
  ['UPSTREAM_HOST_NAMES_ATTEMPTED', 'localhost,[::1]:80'],
  ['UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT', '127.0.0.1,::1'],
  ['UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT', 'localhost,::1'],
  ['UPSTREAM_CONNECTION_IDS_ATTEMPTED', '2,5'],
  ['ROUTE_NAME', 'up-route'],
  ['CLUSTER_METADATA(ns:s)', 'cluster'],
  ['UPSTREAM_METADATA(ns:s)', 'host'],
  ['METADATA(UPSTREAM_HOST:ns:s)', 'host'],
]

test.each(upstream)('through an upstream: %s', (operator, expected) => {
  expect(text(operator, proxied())).toBe(expected)
})

describe('what comes from clients cannot break a line', () => {
  test('decoded query parameters', () => {
    const ctx = formatterContext({ requestHeaders: headerMap({ ':path': '/x?a=b%0d%0ac%7f%00&q=%22' }) })
    expect(text('QUERY_PARAM(a)', ctx)).toBe('b\\x0d\\x0ac\\x7f\\x00')
    expect(json('QUERY_PARAM(q)', ctx)).toBe('"\\""')
  })

  test('the server name of the TLS handshake', () => {
    const info = streamInfo(downstreamInfo({ requestedServerName: 'a b\n.Example-1.com' }))
    expect(text('REQUESTED_SERVER_NAME', formatterContext({ streamInfo: info }))).toBe('invalid:a_b_.Example-1.com')
  })

  test('strings in dynamic metadata', () => {
    const ctx = formatterContext()
    ctx.streamInfo.setDynamicMetadata('n', { s: 'a\nb' })
    expect(text('DYNAMIC_METADATA(n:s)', ctx)).toBe('a\\x0ab')
    expect(json('DYNAMIC_METADATA(n:s)', ctx)).toBe('"a\\nb"')
  })
})

describe('query parameters are decoded as Envoy does', () => {
  test.each([
    ['/x?b=%4&c=%41%c3%a9%zz%25&d', 'b=4&c=A%c3%a9zz%&d', '%4', 'A\xc3\xa9%zz%'],
    ['/x?b=%&c=a%2', 'b=&c=a%2', '%', 'a%2'],
    ['/x?a&b=1&b=2&&=3&c=a=b', 'a&b=1&b=2&&=3&c=a=b', '1', 'a=b'],
    ['/x?', '', '-', '-'],
    ['/x', '-', '-', '-'],
  ])('%s', (path, decoded, b, c) => {
    const ctx = formatterContext({ requestHeaders: headerMap({ ':path': path }) })
    expect(text('QUERY_PARAMS(DECODED)', ctx)).toBe(decoded)
    expect(text('QUERY_PARAM(b)', ctx)).toBe(b)
    expect(text('QUERY_PARAM(c)', ctx)).toBe(c)
  })
})

describe('metadata', () => {
  const struct = { b: true, i: 7, l: ['a', 2], n: 1.5, o: { deep: 'd', z: [1, 'x', null] }, s: 'str', z: null }
  const whole = '{"b":true,"i":7,"l":["a",2],"n":1.5,"o":{"deep":"d","z":[1,"x",null]},"s":"str","z":null}'

  test.each([
    ['DYNAMIC_METADATA(ns)', whole, whole],
    ['DYNAMIC_METADATA(ns:s)', 'str', '"str"'],
    ['DYNAMIC_METADATA(ns:s):2', 'st', '"st"'],
    ['DYNAMIC_METADATA(ns:n)', '1.5', '1.5'],
    ['DYNAMIC_METADATA(ns:o:deep)', 'd', '"d"'],
    ['DYNAMIC_METADATA(ns:o):6', '{"deep', '{"deep":"d","z":[1,"x",null]}'],
    ['DYNAMIC_METADATA(ns:b)', 'true', 'true'],
    ['DYNAMIC_METADATA(ns:z)', '-', 'null'],
    ['DYNAMIC_METADATA(no)', '-', 'null'],
    ['DYNAMIC_METADATA(ns:constructor)', '-', 'null'],
    ['METADATA(ROUTE:ns:s)', 'str', '"str"'],
    ['METADATA(LISTENER:ns:s)', '-', 'null'],
  ])('%s', (operator, expected, expectedJson) => {
    const ctx = formatterContext({ routeMetadata: { ns: struct } })
    ctx.streamInfo.setDynamicMetadata('ns', struct)
    expect(text(operator, ctx)).toBe(expected)
    expect(json(operator, ctx)).toBe(expectedJson)
  })
})

test('filter state shows as plain text, as JSON, or by field', () => {
  const ctx = formatterContext()
  ctx.streamInfo.filterState.set('k', 'val "q"')
  ctx.streamInfo.filterState.set('o', {
    serializeAsString: () => 'plain',
    serializeAsJson: () => ({ a: 1 }),
    getField: (name: string) => (name === 'f' ? 5 : undefined),
  })
  expect(text('FILTER_STATE(k:PLAIN)', ctx)).toBe('val "q"')
  expect(text('FILTER_STATE(k)', ctx)).toBe('"val \\"q\\""')
  expect(text('FILTER_STATE(k):2', ctx)).toBe('"v')
  expect(json('FILTER_STATE(k):2', ctx)).toBe('"val \\"q\\""')
  expect(text('FILTER_STATE(o:TYPED)', ctx)).toBe('{"a":1}')
  expect(text('FILTER_STATE(o:PLAIN)', ctx)).toBe('plain')
  expect(text('FILTER_STATE(o:FIELD:f)', ctx)).toBe('5')
  expect(text('FILTER_STATE(o:FIELD:g)', ctx)).toBe('-')
  expect(text('FILTER_STATE(none)', ctx)).toBe('-')
})

describe('gRPC status', () => {
  const request = headerMap({ 'content-type': 'application/grpc' })

  test.each([
    ['0', 'OK', 'OK', '0'],
    ['1', 'Canceled', 'CANCELLED', '1'],
    ['3', 'InvalidArgument', 'INVALID_ARGUMENT', '3'],
    ['99', '99', '99', '99'],
    ['x', '-1', '-1', '-1'],
  ])('%s', (status, camel, snake, number) => {
    const ctx = formatterContext({ requestHeaders: request, responseTrailers: headerMap({ 'grpc-status': status }) })
    expect(text('GRPC_STATUS', ctx)).toBe(camel)
    expect(text('GRPC_STATUS(SNAKE_STRING)', ctx)).toBe(snake)
    expect(json('GRPC_STATUS_NUMBER', ctx)).toBe(number)
  })

  test('without grpc-status the HTTP status decides; other requests have none', () => {
    const info = streamInfo()
    info.responseCode = 503
    expect(text('GRPC_STATUS', formatterContext({ requestHeaders: request, streamInfo: info }))).toBe('Unavailable')
    expect(text('GRPC_STATUS', formatterContext({ responseHeaders: headerMap({ 'grpc-status': '3' }) }))).toBe('-')
  })
})

test('values of x-forwarded-client-cert come from the first element that has them', () => {
  const header = 'By=a;Hash=1;Subject="CN=a,O=\\"q\\";x";URI=u1;DNS=d1;DNS=d2,By=two;Cert=c'
  const ctx = formatterContext({ requestHeaders: headerMap({ 'x-forwarded-client-cert': header }) })
  const values = ['by', 'hash', 'SUBJECT', 'uri', 'dns', 'cert', 'chain'].map((key) => text(`XFCC_VALUE(${key})`, ctx))
  expect(values).toEqual(['a', '1', 'CN=a,O="q";x', 'u1', 'd1', 'c', '-'])
})

test('response flags print in the order in which they were set, once, short or long', () => {
  const ctx = formatterContext()
  ctx.streamInfo.setResponseFlag(ResponseFlag.UpstreamRetryLimitExceeded)
  ctx.streamInfo.setResponseFlag(ResponseFlag.UpstreamConnectionFailure)
  ctx.streamInfo.setResponseFlag(ResponseFlag.UpstreamRetryLimitExceeded)
  expect(text('RESPONSE_FLAGS', ctx)).toBe('URX,UF')
  expect(text('RESPONSE_FLAGS_LONG', ctx)).toBe('UpstreamRetryLimitExceeded,UpstreamConnectionFailure')
})

test('details hold no white space unless asked for', () => {
  const ctx = formatterContext()
  ctx.streamInfo.responseCodeDetails = 'upstream reset{a b}'
  expect(text('RESPONSE_CODE_DETAILS', ctx)).toBe('upstream_reset{a_b}')
  expect(text('RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)', ctx)).toBe('upstream reset{a b}')
})

test('IPv6 networks are printed in their shortest form', () => {
  const network = (ip: string, bits: number): string => {
    const info = streamInfo(downstreamInfo({ localAddress: ipAddress(ip, 1) }))
    return text(`DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(${bits})`, formatterContext({ streamInfo: info }))
  }
  expect(network('2001:db8:1:2::5', 48)).toBe('2001:db8:1::/48')
  expect(network('2001:db8::1:0:0:1', 128)).toBe('2001:db8::1:0:0:1/128')
  expect(network('::ffff:10.1.2.3', 112)).toBe('::ffff:a01:0/112')
  expect(network('fe80::1', 200)).toBe('fe80::1/128')
  expect(network('::1', 0)).toBe('::/0')
})

test('a connection that is a stream by itself keeps the id it is given', () => {
  const info = streamInfo()
  info.requestId = ''
  expect(text('STREAM_ID', formatterContext({ streamInfo: info }))).toBe('-')
  info.isConnectionStream = true
  const ctx = formatterContext({ streamInfo: info })
  expect(text('STREAM_ID', ctx)).toMatch(/^[0-9a-f-]{36}$/)
  expect(text('STREAM_ID', ctx)).toBe(text('STREAM_ID', ctx))
  expect(text('UNIQUE_ID', ctx)).not.toBe(text('UNIQUE_ID', ctx))
})

test('the default format is that of Envoy', () => {
  const ctx = proxied()
  ctx.requestHeaders?.set('x-request-id', 'rid')
  expect(compileFormat(defaultAccessLogFormat).format(ctx)).toBe(
    '[2026-11-21T07:28:51.004Z] "POST /p/q?a=1&b=2 HTTP/1.1" 200 - 5 100000 12 - "-" "-" "rid" "h" "127.0.0.1:23210"\n',
  )
})

test('a TCP connection has no headers to show', () => {
  const ctx = formatterContext({ requestHeaders: undefined, responseHeaders: undefined })
  expect(compileFormat('%REQ(:PATH)% %PATH% %QUERY_PARAM(a)% %RESP(x)% %XFCC_VALUE(uri)%').format(ctx)).toBe(
    '- - - - -',
  )
  expect(json('REQUEST_HEADERS_BYTES', ctx)).toBe('0')
})
