// Header changes at the four levels: order, append actions, operators. The verdicts follow Envoy 1.40.

import { describe, expect, test } from 'vitest'
import { HeaderMap } from '../../src/common/header_map.ts'
import { streamInfo } from '../access_log/support.ts'
import { find, forwarded, listed, request, routesOf, routeTable } from './support.ts'

const add = (key: string, value: string, rest = '') => `{header: {key: '${key}', value: '${value}'}, ${rest}}`

function forwardedHeaders(changes: string, ...headers: string[]): string[] {
  return forwarded(
    routesOf(`{match: {prefix: /}, route: {cluster: c}, ${changes}}`),
    request('GET /p', ...headers),
  ).slice(2)
}

function responseHeaders(changes: string, response: string[]): string[] {
  const route = find(routesOf(`{match: {prefix: /}, route: {cluster: c}, ${changes}}`), request('GET /p', 'x-a: 1'))
  const headers = new HeaderMap()
  headers.status = 200
  for (const line of response) headers.add(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2))
  route?.finalizeResponseHeaders(headers, request('GET /p', 'x-a: 1'), streamInfo())
  return listed(headers)
}

describe('levels', () => {
  const level = (name: string) => {
    const changes = [
      add('x-order', name),
      add('x-over', name, 'append_action: OVERWRITE_IF_EXISTS_OR_ADD'),
      add('x-abs', name, 'append_action: ADD_IF_ABSENT'),
      add('x-ovr', name, 'append_action: OVERWRITE_IF_EXISTS'),
    ].join(', ')
    return `request_headers_to_add: [${changes}], response_headers_to_add: [${changes}]`
  }
  const table = (mostSpecificWins: boolean) =>
    routeTable(`{most_specific_header_mutations_wins: ${mostSpecificWins}, ${level('rc')}, virtual_hosts: [{name: v, domains: ['*'], ${level('vh')},
      routes: [{match: {prefix: /}, ${level('route')}, route: {weighted_clusters: {clusters: [{name: c, weight: 1, ${level('wc')}}]}}}]}]}`)
      .config

  test('the least specific level has the last word', () => {
    expect(forwarded(table(false), request('GET /')).slice(2)).toEqual([
      'x-order: wc',
      'x-abs: wc',
      'x-order: route',
      'x-order: vh',
      'x-over: rc',
      'x-order: rc',
    ])
  })

  test('most_specific_header_mutations_wins turns it round, but the weighted cluster stays first', () => {
    expect(forwarded(table(true), request('GET /')).slice(2)).toEqual([
      'x-order: wc',
      'x-abs: wc',
      'x-order: rc',
      'x-order: vh',
      'x-over: route',
      'x-order: route',
    ])
  })

  test('what the request brings is appended to, kept or overwritten by the append action', () => {
    const headers = request('GET /', 'x-order: o', 'x-over: o', 'x-abs: o', 'x-ovr: o')
    expect(forwarded(table(false), headers).slice(2)).toEqual([
      'x-order: o',
      'x-abs: o',
      'x-order: wc',
      'x-order: route',
      'x-order: vh',
      'x-over: rc',
      'x-ovr: rc',
      'x-order: rc',
    ])
  })

  test('responses change in the same order', () => {
    const response = new HeaderMap()
    find(table(false), request('GET /'))?.finalizeResponseHeaders(response, request('GET /'), streamInfo())
    expect(listed(response)).toEqual([
      'x-order: wc',
      'x-abs: wc',
      'x-order: route',
      'x-order: vh',
      'x-over: rc',
      'x-order: rc',
    ])
  })
})

describe('values', () => {
  test.each([
    [add('x', ''), [], []],
    [add('x', '', 'keep_empty_value: true'), [], ['x: ']],
    [add('x', '', 'append_action: OVERWRITE_IF_EXISTS_OR_ADD'), ['x: keep'], ['x: keep']],
    [add('x', '%REQ(nope)%'), [], []],
    [add('x', '%REQ(nope)%', 'keep_empty_value: true'), [], ['x: ']],
    [add('x', 'a%REQ(nope)%b'), [], ['x: ab']],
    [add('X-Case', 'V'), [], ['x-case: V']],
    [add('x', 'ä'), [], [`x: ${Buffer.from('ä').toString('latin1')}`]],
    [add('x', '5%%'), [], ['x: 5%']],
    [add('x', '%PROTOCOL%'), [], ['x: HTTP/1.1']],
    [add('x', '%REQ(:PATH)%'), [], ['x: /p']],
    [add('x', '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%'), [], ['x: /p']],
    [add('x', '%UPSTREAM_HOST%'), [], []],
    [add('x', '2', 'append: true'), ['x: 1'], ['x: 1', 'x: 2']],
    [add('x', '2', 'append: false'), ['x: 1'], ['x: 2']],
    [add('accept', '2'), ['accept: 1'], ['accept: 1,2']],
    [add('accept', '', 'keep_empty_value: true'), ['accept: 1'], ['accept: 1']],
    [
      add('user-agent', '2', 'append_action: OVERWRITE_IF_EXISTS_OR_ADD'),
      ['user-agent: 1', 'x: 1'],
      ['x: 1', 'user-agent: 2'],
    ],
    [`${add('x', '1')}, ${add('x', '%REQ(x)%', 'keep_empty_value: true')}`, [], ['x: 1', 'x: ']],
  ])('%s with %j: %j', (changes, headers, expected) => {
    expect(forwardedHeaders(`request_headers_to_add: [${changes}]`, ...headers)).toEqual(expected)
  })

  test('removals come before additions', () => {
    const changes = `request_headers_to_add: [${add('x-rm', 'added')}], request_headers_to_remove: [x-rm, X-Del]`
    expect(forwardedHeaders(changes, 'x-rm: o', 'x-del: 1', 'x-del: 2', 'x-e: k')).toEqual(['x-e: k', 'x-rm: added'])
  })

  test('old spellings of metadata and filter state', () => {
    const info = streamInfo()
    info.setDynamicMetadata('ns', { key: 'v' })
    info.filterState.set('state', 's')
    const changes = `${add('x', '%DYNAMIC_METADATA(["ns", "key"])%')}, ${add('y', '%PER_REQUEST_STATE(state)%')}`
    const headers = request('GET /')
    const route = find(
      routesOf(`{match: {prefix: /}, route: {cluster: c}, request_headers_to_add: [${changes}]}`),
      headers,
    )
    if (route?.kind !== 'forward') throw new Error('not forwarded')
    route.finalizeRequestHeaders(headers, info, true)
    expect(listed(headers)).toEqual(['x: v', 'y: s'])
  })

  test('responses', () => {
    const changes = `response_headers_to_remove: [x-up], response_headers_to_add: [${[
      add('x-rs', '%REQ(x-a)%'),
      add('x-gone', '%RESP(x-up)%'),
      add('x-dup', 'c', 'append_action: OVERWRITE_IF_EXISTS_OR_ADD'),
      add('location', 'b'),
      add('set-cookie', 'b=2'),
    ].join(', ')}]`
    expect(responseHeaders(changes, ['x-up: 1', 'x-dup: a', 'x-dup: b', 'location: a', 'set-cookie: a=1'])).toEqual([
      'location: a,b',
      'set-cookie: a=1',
      'x-dup: c',
      'x-rs: 1',
      'set-cookie: b=2',
    ])
  })
})

describe('errors', () => {
  const modify = ':-prefixed or host headers may not be modified'
  const remove = ':-prefixed or host headers may not be removed'
  test.each([
    [`request_headers_to_add: [${add(':path', 'x')}]`, modify],
    [`request_headers_to_add: [${add('Host', 'x')}]`, modify],
    [`response_headers_to_add: [${add(':status', 'x')}]`, modify],
    ['request_headers_to_remove: [Host]', remove],
    ["request_headers_to_remove: [':method']", remove],
    ["response_headers_to_remove: [':status']", remove],
    [`request_headers_to_add: [${add('a', '%NOPE%')}]`, 'Not supported field in StreamInfo: NOPE'],
    [
      `request_headers_to_add: [${add('a', '%')}]`,
      "Incorrect configuration: %. Couldn't find valid command at position 0",
    ],
    [
      `request_headers_to_add: [${add('a', '100%')}]`,
      "Incorrect configuration: 100%. Couldn't find valid command at position 3",
    ],
    [
      `request_headers_to_add: [${add('a', '1', 'append: true, append_action: ADD_IF_ABSENT')}]`,
      "Both append and append_action are set and it's not allowed",
    ],
  ])('%s', (changes, message) => {
    const yaml = `virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: c}, ${changes}}]}]`
    expect(routeTable(yaml).errors).toEqual([`1: ${message}`])
  })
})
