/** Reads the project's own files for the tests of its structure. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export const repository = join(import.meta.dirname, '../..')

export interface Import {
  /** A path relative to the repository for own files, else a package's or `node:` module's name. */
  readonly target: string
  readonly own: boolean
  readonly typeOnly: boolean
}

export interface SourceFile {
  /** Relative to the repository. */
  readonly path: string
  readonly text: string
  readonly lineCount: number
  readonly imports: readonly Import[]
}

/** All TypeScript files under a folder of the repository. */
export function sourceFiles(folder: string): SourceFile[] {
  const names = readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .sort()
    .map((name) => sourceFile(join(folder, name)))
}

function sourceFile(path: string): SourceFile {
  const text = readFileSync(join(repository, path), 'utf8')
  return { path, text, lineCount: text.split('\n').length - 1, imports: importsOf(path, text) }
}

const importStatement = /^(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)'/gm
const dynamicImport = /\bimport\('([^']+)'\)/g

function importsOf(path: string, text: string): Import[] {
  const found: Import[] = []
  for (const [, type, specifier] of text.matchAll(importStatement))
    found.push(resolve(path, specifier, type !== undefined))
  for (const [, specifier] of text.matchAll(dynamicImport)) found.push(resolve(path, specifier, false))
  return found
}

function resolve(from: string, specifier: string, typeOnly: boolean): Import {
  const own = specifier.startsWith('.')
  return { target: own ? normalize(join(dirname(from), specifier)) : specifier, own, typeOnly }
}

/** `@scope/name` or `name`; undefined for Node's own modules. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('node:')) return undefined
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Files that are, or are about to be, under version control; undefined outside of a checkout. */
export function trackedFiles(): string[] | undefined {
  const listed = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: repository,
    encoding: 'utf8',
  })
  if (listed.status !== 0) return undefined
  return listed.stdout.split('\n').filter((name) => name !== '' && existsSync(join(repository, name)))
}
