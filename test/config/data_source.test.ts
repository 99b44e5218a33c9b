import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type DataSource, type DataSourceOptions, readDataSource } from '../../src/config/data_source.ts'
import { ConfigErrors } from '../../src/config/errors.ts'
import { load } from './loading.ts'

const folder = mkdtempSync(join(tmpdir(), 'data-source-'))
afterAll(() => rmSync(folder, { recursive: true }))

function read(source: string, options?: DataSourceOptions): { text: string | undefined; errors: string[] } {
  const { bootstrap, errors } = load(`static_resources: {secrets: [{name: s, generic_secret: {secret: ${source}}}]}`)
  expect(errors).toEqual([])
  const issues = new ConfigErrors()
  const view = bootstrap!.staticResources!.secrets[0].genericSecret!.secret as DataSource
  const text = readDataSource(view, issues, options)?.toString()
  return { text, errors: issues.errors.map((issue) => issue.message) }
}

test('the four kinds of source', () => {
  const path = join(folder, 'file')
  writeFileSync(path, 'from a file')
  process.env['NUNCIO_TEST_DATA_SOURCE'] = 'from the environment'
  expect(read(`{filename: ${path}}`).text).toBe('from a file')
  expect(read('{inline_string: text}').text).toBe('text')
  expect(read('{inline_bytes: aGk=}').text).toBe('hi')
  expect(read('{environment_variable: NUNCIO_TEST_DATA_SOURCE}').text).toBe('from the environment')
})

test('what cannot be had is an error', () => {
  const path = join(folder, 'empty')
  writeFileSync(path, '')
  expect(read(`{filename: ${folder}}`).errors).toEqual([`Invalid path: ${folder}`])
  expect(read('{filename: /proc/version}').errors).toEqual(['Invalid path: /proc/version'])
  expect(read(`{filename: ${folder}/missing}`).errors).toEqual([expect.stringMatching(/^Invalid path: .*missing/)])
  expect(read('{environment_variable: NUNCIO_TEST_UNSET}').errors).toEqual([
    "Environment variable doesn't exist: NUNCIO_TEST_UNSET",
  ])
  expect(read(`{filename: ${path}}`).errors).toEqual([`file ${path} is empty`])
  expect(read(`{filename: ${path}}`, { allowEmpty: true })).toEqual({ text: '', errors: [] })
  expect(read('{inline_string: "0123456789"}', { limitBytes: 9 }).errors).toEqual([
    expect.stringMatching(/maximum is 9$/),
  ])
})
