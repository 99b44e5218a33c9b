import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SourceText, SyntaxProblem } from '../../src/config/config_node.ts'
import { parseJson } from '../../src/config/json_source.ts'
import { decodeResource } from '../../src/config/load.ts'
import { toJson } from '../../src/config/well_known.ts'
import { encodeMessage } from '../../src/config/wire_encode.ts'
import { parseYaml } from '../../src/config/yaml_source.ts'
import { cluster, firstCluster, load } from './loading.ts'

const pieces = fc.constantFrom(
  'a',
  ': ',
  '\n',
  '  ',
  '- ',
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  "'",
  '&a ',
  '*a',
  '#',
  '|',
  '>',
  '!ignore ',
  '\t',
  '---\n',
  '%',
  '?',
  '\\',
  'static_resources',
  '1',
)

describe('text of any kind', () => {
  test('is a tree or a problem with a place, never a crash', () => {
    const text = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, fc.constantFrom(parseYaml, parseJson), (content, parse) => {
        const source = new SourceText('x', content)
        try {
          parse(source)
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxProblem)
          expect(source.position((error as SyntaxProblem).offset).line).toBeGreaterThan(0)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('as a bootstrap is a view or errors', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const { bootstrap, errors } = load(JSON.stringify(value))
        expect(bootstrap !== undefined || errors.length > 0).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})

test('JSON values are read as JSON.parse reads them', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const text = JSON.stringify(value)
      expect(toJson(parseJson(new SourceText('x', text)))).toEqual(JSON.parse(text))
    }),
    { numRuns: 300 },
  )
})

test('any Struct survives the wire', () => {
  const type = 'envoy.config.core.v3.Metadata'
  const object = fc.dictionary(
    fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
    fc
      .jsonValue()
      .map((value) => JSON.parse(JSON.stringify(value).replaceAll('-0', '0').replaceAll('__proto__', 'proto'))),
  )
  fc.assert(
    fc.property(object, (value) => {
      const { value: decoded } = decodeResource(type, encodeMessage(type, { filterMetadata: { n: value } }))
      expect((decoded as { filterMetadata: unknown }).filterMetadata).toEqual({ n: value })
    }),
    { numRuns: 200 },
  )
})

test('keys called like parts of JavaScript objects are plain keys', () => {
  const view = firstCluster(cluster('metadata: {filter_metadata: {__proto__: {polluted: yes}, constructor: {a: 1}}}'))
  expect(Object.keys(view.metadata!.filterMetadata)).toEqual(['__proto__', 'constructor'])
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  expect(load('constructor: {}').errors[0].message).toBe(
    "unknown field 'constructor' in envoy.config.bootstrap.v3.Bootstrap",
  )
})

test('a position is found in long texts', () => {
  const lines = Array.from({ length: 10_000 }, (_, index) => `  - {name: c${index}}`)
  lines[7321] = '  - {name: c, foo: 1}'
  const { errors } = load(`static_resources:\n  clusters:\n${lines.join('\n')}\n`)
  expect(errors).toMatchObject([{ line: 7324, column: 15, path: 'static_resources.clusters[7321].foo' }])
})
