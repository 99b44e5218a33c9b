/** Names and sizes of files, the places of extensions, and what must not be in any file. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ExtensionFactory } from '../../src/config/registry.ts'
import { allExtensions } from '../../src/extensions/all_extensions.ts'
import { repository, sourceFiles, trackedFiles } from './sources.ts'

const folders = ['src', 'proto', 'bench', 'examples', 'test']
const sources = folders.flatMap((folder) => sourceFiles(folder))
const lineLimit = 400
/** A test file is a list of cases, each read by itself. */
const testLineLimit = 500

/** Tables, which read best in one piece: the cases of the parity suites. */
const mayBeLonger = [/^test\/parity\/.*_(suite|cases)\.ts$/, /^test\/parity\/malformed\//]

/** Envoy's own folders hold two extensions each here; the others are named as their folder. */
const sharedFolders: Record<string, string> = {
  'envoy.access_loggers.stdout': 'access_loggers/stream',
  'envoy.access_loggers.stderr': 'access_loggers/stream',
  'envoy.access_loggers.http_grpc': 'access_loggers/grpc',
  'envoy.access_loggers.tcp_grpc': 'access_loggers/grpc',
}

describe('files', () => {
  it('are named in snake_case', () => {
    const wrong = sources.filter(({ path }) => !/^[a-z0-9_]+(\.test)?\.ts$/.test(path.split('/').at(-1) ?? ''))
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('are short', () => {
    const long = sources.filter(({ path, lineCount }) => {
      const limit = path.startsWith('test/') ? testLineLimit : lineLimit
      return lineCount > limit && !mayBeLonger.some((pattern) => pattern.test(path))
    })
    expect(long.map(({ path, lineCount }) => `${path}: ${lineCount} lines`)).toEqual([])
  })

  it('of src/ begin with a sentence about themselves', () => {
    const silent = sources.filter(({ path, text }) => path.startsWith('src/') && !/^(\/\/ |\/\*\*\s)/.test(text))
    expect(silent.map(({ path }) => path)).toEqual([])
  })
})

describe('extensions', () => {
  const configs = sources.filter(({ path }) => /^src\/extensions\/.*\/config\.ts$/.test(path)).map(({ path }) => path)

  it('live in the folder that their name says, and are all in the list', async () => {
    const found: ExtensionFactory[] = []
    for (const path of configs) {
      const module = (await import(join(repository, path))) as Record<string, unknown>
      const factories = Object.values(module).filter(isFactory)
      expect(factories, path).not.toEqual([])
      for (const factory of factories) {
        const folder = sharedFolders[factory.name] ?? factory.name.replace(/^(envoy|nuncio)\./, '').replaceAll('.', '/')
        expect(path, factory.name).toBe(`src/extensions/${folder}/config.ts`)
        found.push(factory)
      }
    }
    const names = (factories: readonly ExtensionFactory[]) =>
      [...new Set(factories.map(({ category, name }) => `${category} ${name}`))].sort()
    expect(names(found)).toEqual(names(allExtensions))
  })

  it('have no folder without a config.ts', () => {
    const homes = configs.map((path) => path.slice(0, -'config.ts'.length))
    const stray = sources.filter(
      ({ path }) =>
        path.startsWith('src/extensions/') &&
        path !== 'src/extensions/all_extensions.ts' &&
        !homes.some((home) => path.startsWith(home)),
    )
    expect(stray.map(({ path }) => path)).toEqual([])
  })
})

describe('the text of all files', () => {
  const tracked = trackedFiles()

  it.skipIf(tracked === undefined)('names no place of one machine and no package registry', () => {
    // Put together here, so that this file does not find itself.
    const forbidden = [
      ['', 'root', ''].join('/'),
      ['', 'work', ''].join('/'),
      ['', 'home', ''].join('/'),
      ['registry', 'npmjs'].join('.'),
      ['pypi', 'org'].join('.'),
      ['pythonhosted', 'org'].join('.'),
    ]
    const wrong: string[] = []
    for (const path of tracked ?? []) {
      const text = readFileSync(join(repository, path), 'latin1')
      for (const word of forbidden) if (text.includes(word)) wrong.push(`${path}: ${word}`)
    }
    expect(wrong).toEqual([])
  })

  it('of the lock file says nothing about where packages come from', () => {
    const lock = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { resolved?: string }>
    }
    const resolved = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined)
    expect(resolved).toEqual([])
  })
})

function isFactory(value: unknown): value is ExtensionFactory {
  return typeof value === 'object' && value !== null && 'category' in value && 'typeUrls' in value
}
