// What a route's match asks of a request. The verdicts follow Envoy 1.40.

import { describe, expect, test } from 'vitest'
import { streamInfo } from '../access_log/support.ts'
import { answer, find, outcome, request, routesOf, routeTable } from './support.ts'

/** Whether a request matches a route with the prefix `/` and one more condition. */
function matches(condition: string, line: string, ...headers: string[]): boolean {
  return outcome(routesOf(answer(`prefix: /, ${condition}`, 'hit')), request(line, ...headers)) === 'hit'
}

const header = (specifier: string, values: string[]) =>
  matches(`headers: [{name: X, ${specifier}}]`, 'GET /', ...values.map((value) => `x: ${value}`))

describe('headers', () => {
  test.each([
    ['string_match: {exact: a}', [], false],
    ['string_match: {exact: a}', ['a'], true],
    ['string_match: {exact: a}', ['b'], false],
    ['string_match: {exact: a}', ['a', 'b'], true],
    ['string_match: {exact: a}', ['a,b'], false],
    ["string_match: {exact: 'a,b'}", ['a', 'b'], false],
    ["string_match: {exact: 'a,b'}", ['a,b'], true],
    ['exact_match: a', ['b', 'a'], true],
    ['exact_match: a', ['a,b'], false],
    ['string_match: {prefix: a}', ['b', 'ax'], true],
    ['prefix_match: a', ['xa'], false],
    ['string_match: {suffix: b}', ['b', 'a'], true],
    ['suffix_match: b', ['bx'], false],
    ['string_match: {contains: b}', ['xbx'], true],
    ['contains_match: b', ['x'], false],
    ['string_match: {safe_regex: {regex: a}}', ['b', 'a'], true],
    ['string_match: {safe_regex: {regex: a}}', ['ab'], false],
    ['safe_regex_match: {regex: "[0-9]+"}', ['12'], true],
    ['string_match: {exact: A, ignore_case: true}', ['a'], true],
    ['range_match: {start: 5, end: 10}', ['5'], true],
    ['range_match: {start: 5, end: 10}', ['10'], false],
    ['range_match: {start: 5, end: 10}', ['11', '7'], true],
    ['range_match: {start: 5, end: 10}', ['5,7'], false],
    ['range_match: {start: 5, end: 10}', ['x'], false],
    ['range_match: {start: -5, end: 0}', ['-1'], true],
    ['range_match: {start: 5, end: 10}, invert_match: true', [], false],
    ['range_match: {start: 5, end: 10}, invert_match: true', ['x'], true],
    ['range_match: {start: 5, end: 10}, invert_match: true', ['5', '20'], false],
    ['range_match: {start: 0, end: 10}, treat_missing_header_as_empty: true', [], false],
    ['string_match: {exact: a}, invert_match: true', [], false],
    ['string_match: {exact: a}, invert_match: true', ['b'], true],
    ['string_match: {exact: a}, invert_match: true', ['a', 'b'], false],
    ["string_match: {exact: ''}, treat_missing_header_as_empty: true", [], true],
    ['string_match: {exact: a}, invert_match: true, treat_missing_header_as_empty: true', [], true],
    ['string_match: {exact: a}, invert_match: true, treat_missing_header_as_empty: true', ['a'], false],
    ['present_match: true', [], false],
    ['present_match: true', [''], true],
    ['present_match: false', [], true],
    ['present_match: false', ['a'], false],
    ['present_match: true, invert_match: true', [], true],
    ['present_match: false, invert_match: true', ['a'], true],
    ['present_match: true, treat_missing_header_as_empty: true', [], true],
    ['present_match: false, treat_missing_header_as_empty: true', [], false],
    ['', [], false],
    ['', ['a'], true],
    ['invert_match: true', [], true],
  ])('%s of %j: %s', (specifier, values, expected) => {
    expect(header(specifier, values)).toBe(expected)
  })

  test.each([
    [':method', 'string_match: {exact: GET}'],
    [':authority', 'string_match: {exact: h.test}'],
    [':scheme', 'string_match: {exact: http}'],
    [':path', "string_match: {suffix: '?x'}"],
  ])('%s is a header like any other', (name, specifier) => {
    expect(matches(`headers: [{name: '${name}', ${specifier}}]`, 'GET /p?x')).toBe(true)
    expect(matches(`headers: [{name: '${name}', ${specifier}, invert_match: true}]`, 'GET /p?x')).toBe(false)
  })

  test('all headers of a match must match', () => {
    const condition = 'headers: [{name: a, present_match: true}, {name: b, present_match: true}]'
    expect(matches(condition, 'GET /', 'a: 1')).toBe(false)
    expect(matches(condition, 'GET /', 'a: 1', 'b: 1')).toBe(true)
  })

  test('configured text is compared as UTF-8 bytes', () => {
    const bytes = Buffer.from('ä', 'utf8').toString('latin1')
    expect(matches('headers: [{name: x, string_match: {exact: ä}}]', 'GET /', `x: ${bytes}`)).toBe(true)
    expect(matches('headers: [{name: x, string_match: {safe_regex: {regex: "[ä-ü]"}}}]', 'GET /', `x: ${bytes}`)).toBe(
      true,
    )
    expect(matches('headers: [{name: x, string_match: {safe_regex: {regex: "."}}}]', 'GET /', 'x: \xff')).toBe(false)
  })
})

describe('query parameters', () => {
  test.each([
    ['string_match: {exact: v}', '/?k=v', true],
    ['string_match: {exact: v}', '/?k=', false],
    ['string_match: {exact: v}', '/', false],
    ['string_match: {exact: v}', '/?a=1&k=v', true],
    ['string_match: {exact: v}', '/?k=x&k=v', false],
    ['string_match: {exact: v}', '/?k=v&k=x', true],
    ['string_match: {exact: v}', '/?K=v', false],
    ['string_match: {exact: v}', '/?%6b=v', false],
    ['string_match: {exact: v}', '/?k=%76', false],
    ['string_match: {exact: v}', '/?k=v;a=2', false],
    ['string_match: {exact: v}', '/?&k=v', true],
    ['string_match: {exact: v}', '/?x?k=v', false],
    ['string_match: {exact: v}', '/?k=v=w', false],
    ["string_match: {exact: ''}", '/?k', true],
    ["string_match: {exact: ''}", '/?k=', true],
    ["string_match: {exact: ''}", '/', false],
    ['present_match: true', '/?k', true],
    ['present_match: true', '/?k&', true],
    ['present_match: true', '/?', false],
    ['present_match: false', '/', true],
    ['present_match: false', '/?k', false],
    ['', '/?k', true],
    ['', '/?x', false],
  ])('%s of %s: %s', (specifier, path, expected) => {
    expect(matches(`query_parameters: [{name: k, ${specifier}}]`, `GET ${path}`)).toBe(expected)
  })
})

describe('cookies', () => {
  test.each([
    [['k=v'], true],
    [['a=1; k=v'], true],
    [['a=1;k=v'], true],
    [['k="v"'], true],
    [['k="v'], false],
    [['k=v"'], false],
    [['k=x; k=v'], false],
    [['k=v; k=x'], true],
    [['a=1', 'k=v'], true],
    [['k=x', 'k=v'], false],
    [['K=v'], false],
    [['k = v'], false],
    [[], false],
  ])('%j: %s', (cookies, expected) => {
    const headers = cookies.map((cookie) => `cookie: ${cookie}`)
    expect(matches('cookies: [{name: k, string_match: {exact: v}}]', 'GET /', ...headers)).toBe(expected)
    expect(matches('cookies: [{name: k, string_match: {exact: v}, invert_match: true}]', 'GET /', ...headers)).toBe(
      !expected,
    )
  })
})

describe('paths', () => {
  const table = routesOf(
    [
      answer('path: /exact', 'exact'),
      answer('path: /EXACTCI, case_sensitive: false', 'exactci'),
      answer('path_separated_prefix: /sep/a', 'sep'),
      answer('path_separated_prefix: /SEPCI, case_sensitive: false', 'sepci'),
      answer('prefix: /PreCI, case_sensitive: false', 'preci'),
      answer("safe_regex: {regex: '/re[0-9]'}", 're'),
      answer("safe_regex: {regex: '/reci[a-z]'}, case_sensitive: false", 'reci'),
    ].join(', '),
  )
  test.each([
    ['/exact', 'exact'],
    ['/exact?x=1', 'exact'],
    ['/exact#f', 'exact'],
    ['/exact/', 'no route'],
    ['/EXACT', 'no route'],
    ['/ExactCi?q', 'exactci'],
    ['/sep/a', 'sep'],
    ['/sep/a/', 'sep'],
    ['/sep/a/b', 'sep'],
    ['/sep/a?x', 'sep'],
    ['/sep/ab', 'no route'],
    ['/sep/A', 'no route'],
    ['/sepci/x', 'sepci'],
    ['/precix', 'preci'],
    ['/re1?x', 're'],
    ['/re1/', 'no route'],
    ['/recix', 'reci'],
    ['/reciX', 'no route'],
  ])('%s: %s', (path, expected) => {
    expect(outcome(table, request(`GET ${path}`))).toBe(expected)
  })

  describe('ignore_path_parameters_in_path_matching', () => {
    const template =
      "path_match_policy: {name: m, typed_config: {'@type': type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: /t/x}}"
    const routes = [
      answer('path: /a', 'exact'),
      answer('prefix: /pre/x', 'prefix'),
      answer('path_separated_prefix: /sep', 'sep'),
      answer("safe_regex: {regex: '/re'}", 're'),
      answer(template, 'template'),
    ].join(', ')
    const table = (ignore: boolean) =>
      routeTable(
        `{ignore_path_parameters_in_path_matching: ${ignore}, virtual_hosts: [{name: v, domains: ['*'], routes: [${routes}]}]}`,
      ).config
    const ignoring = table(true)
    const exact = table(false)

    test.each([
      ['/a;p?q', 'exact', 'no route'],
      ['/a?q;x', 'exact', 'exact'],
      ['/pre;p/x', 'prefix', 'no route'],
      ['/pre/x;p', 'prefix', 'prefix'],
      ['/sep;p/x', 'sep', 'no route'],
      ['/re;p', 're', 'no route'],
      ['/t/x;p', 'no route', 'no route'],
      ['/t/x?q', 'template', 'template'],
    ])('%s: %s, without it %s', (path, withIt, withoutIt) => {
      expect(outcome(ignoring, request(`GET ${path}`))).toBe(withIt)
      expect(outcome(exact, request(`GET ${path}`))).toBe(withoutIt)
    })
  })

  test('CONNECT has no path: only connect_matcher takes it', () => {
    const routes = routesOf(`${answer('prefix: /', 'prefix')}, {match: {connect_matcher: {}}, route: {cluster: c}}`)
    expect(outcome(routes, request('CONNECT -'))).toBe('cluster c')
    expect(outcome(routes, request('GET /'))).toBe('prefix')
    expect(outcome(routesOf(answer("prefix: ''", 'prefix')), request('CONNECT -'))).toBe('no route')
  })
})

describe('other conditions', () => {
  test.each([
    ['application/grpc', true],
    ['application/grpc+json', true],
    ['application/grpc-web', false],
    ['application/grpc;x', false],
  ])('grpc with content-type %s: %s', (type, expected) => {
    expect(matches('grpc: {}', 'POST /', `content-type: ${type}`)).toBe(expected)
  })

  test('runtime_fraction takes its share of the random numbers', () => {
    const table = routesOf(answer('prefix: /, runtime_fraction: {default_value: {numerator: 30}}', 'hit'))
    const hits = Array.from({ length: 100 }, (_, random) => outcome(table, request('GET /'), random))
    expect(hits.filter((hit) => hit === 'hit')).toHaveLength(30)
  })

  test('runtime_fraction follows its runtime key', () => {
    const routes = answer('prefix: /, runtime_fraction: {default_value: {numerator: 100}, runtime_key: share}', 'hit')
    const yaml = `virtual_hosts: [{name: v, domains: ['*'], routes: [${routes}]}]`
    expect(outcome(routeTable(yaml).config, request('GET /'), 50)).toBe('hit')
    expect(outcome(routeTable(yaml, { runtime: { share: 50 } }).config, request('GET /'), 50)).toBe('no route')
  })

  test.each([
    ['presented: true', false],
    ['presented: false', true],
    ['validated: false', true],
    ['validated: true', false],
    ['', true],
  ])('tls_context {%s} on a plain connection: %s', (options, expected) => {
    expect(matches(`tls_context: {${options}}`, 'GET /')).toBe(expected)
  })

  test('dynamic_metadata, also inverted', () => {
    const condition = (invert: boolean) =>
      `prefix: /, dynamic_metadata: [{filter: f, path: [{key: a}], value: {string_match: {exact: x}}, invert: ${invert}}]`
    const info = streamInfo()
    const plain = routesOf(answer(condition(false), 'hit'))
    const inverted = routesOf(answer(condition(true), 'hit'))
    expect(find(plain, request('GET /'), 0, info)).toBeUndefined()
    expect(find(inverted, request('GET /'), 0, info)).toBeDefined()
    info.setDynamicMetadata('f', { a: 'x' })
    expect(find(plain, request('GET /'), 0, info)).toBeDefined()
    expect(find(inverted, request('GET /'), 0, info)).toBeUndefined()
  })

  test('filter_state', () => {
    const table = routesOf(answer('prefix: /, filter_state: [{key: k, string_match: {exact: a}}]', 'hit'))
    const info = streamInfo()
    expect(find(table, request('GET /'), 0, info)).toBeUndefined()
    info.filterState.set('k', 'a')
    expect(find(table, request('GET /'), 0, info)).toBeDefined()
  })
})
