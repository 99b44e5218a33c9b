/** Which texts are templates, and which path leads where; the verdicts are Envoy's. */
import { describe, expect, it } from 'vitest'
import { parseHttpTemplate } from '../../../../../src/extensions/filters/http/grpc_json_transcoder/http_template.ts'
import { PathMatcher } from '../../../../../src/extensions/filters/http/grpc_json_transcoder/path_matcher.ts'

const right = [
  ...['/', '/*', '/**', '/a/*/b/**', '/a/**/b', '/a/**/b:c', '/{name}', '/{name=*}', '/{name=**}', '/{name=a/*}/b'],
  ...[
    '/{name=a/**}/b',
    '/{inner.name}',
    '/{ name }',
    '/a:b',
    '/*:b',
    '/{name}:b',
    '/{name}:*',
    '/a*',
    '/a?b',
    '/a b',
    '/a{',
  ],
]
const wrong = [
  ...[
    '',
    '//',
    '/a/',
    '/a//b',
    'a',
    '/a/**/*',
    '/a/**/**',
    '/a/**/{name}',
    '/{}',
    '/{=*}',
    '/{name=}',
    '/{name',
    '/name}',
  ],
  ...[
    '/{name}x',
    '/{name={inner.name}}',
    '/{.name}',
    '/{name.}',
    '/{inner..name}',
    '/{name=a:b}',
    '/a:',
    '/:b',
    '/a:b:c',
  ],
  ...['/a:b/c', '/a/:b', '/***', '/*a'],
]

describe('templates', () => {
  it.each(right)('%s is one', (text) => {
    expect(parseHttpTemplate(text)).toBeDefined()
  })

  it.each(wrong)('"%s" is none', (text) => {
    expect(parseHttpTemplate(text)).toBeUndefined()
  })

  it('have variables of some segments, counted from the end behind **', () => {
    expect(parseHttpTemplate('/v1/{a.b=x/*}/{c}/{d=**}/end:verb')).toEqual({
      segments: ['v1', 'x', '*', '*', '**', 'end'],
      verb: 'verb',
      variables: [
        { fieldPath: ['a', 'b'], startSegment: 1, endSegment: 3 },
        { fieldPath: ['c'], startSegment: 3, endSegment: 4 },
        { fieldPath: ['d'], startSegment: 4, endSegment: -2 },
      ],
    })
  })
})

function matcher(templates: readonly string[]): PathMatcher<string> {
  const made = new PathMatcher<string>({
    urlUnescapeSpec: 'ALL_CHARACTERS_EXCEPT_RESERVED',
    queryParamUnescapePlus: false,
    matchUnregisteredCustomVerb: false,
    ignoredQueryParameters: new Set(['ignored']),
  })
  for (const one of templates) {
    const [method, path] = one.split(' ')
    made.register(method, path, one)
  }
  return made
}

const templates = [
  'GET /a/*',
  'GET /a/b',
  'GET /a/**',
  'GET /a/*/c',
  'POST /a/b:run',
  '* /any',
  'GET /twice/{x}',
  'GET /twice/*',
  'GET /x/{name=p/**}/end',
]

describe('paths', () => {
  it.each([
    ['GET', '/a/b', 'GET /a/b'],
    ['GET', '/a/z', 'GET /a/*'],
    ['GET', '/a/z/c', 'GET /a/*/c'],
    ['GET', '/a/b/c', 'GET /a/*/c'],
    ['GET', '/a/b/d', 'GET /a/**'],
    ['GET', '/a', 'GET /a/**'],
    ['POST', '/a/b:run', 'POST /a/b:run'],
    ['POST', '/a/b', undefined],
    ['GET', '/a/b:other', 'GET /a/*'],
    ['PUT', '/any', '* /any'],
    ['GET', '/twice/1', undefined],
    ['GET', '/x/p/q/end/r/end', 'GET /x/{name=p/**}/end'],
    ['GET', '/x/p/q', undefined],
  ])('%s %s', (method, path, expected) => {
    expect(matcher(templates).match(method, path, '')?.target).toBe(expected)
  })

  it('bind variables and query parameters', () => {
    const match = matcher(['GET /x/{name=p/**}/{id}']).match(
      'GET',
      '/x/p/a%20b%2Fc/7%2F',
      'a.b=c%26d&ignored=1&=x&e&f=',
    )
    expect(match).toBeUndefined()
    const other = matcher(['GET /x/{id}/{name=p/**}']).match(
      'GET',
      '/x/7%2F/p/a%20b%2Fc',
      'a.b=c%26d&ignored=1&=x&e&f=',
    )
    expect(other?.bindings).toEqual([
      { fieldPath: ['id'], value: '7/' },
      { fieldPath: ['name'], value: 'p/a b%2Fc' },
      { fieldPath: ['a', 'b'], value: 'c&d' },
      { fieldPath: ['f'], value: '' },
    ])
  })
})
