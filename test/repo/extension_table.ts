/** Makes the table of supported extensions in README.md from the list of extensions; `npm run readme:extensions` writes it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ExtensionFactory } from '../../src/config/registry.ts'
import { allExtensions } from '../../src/extensions/all_extensions.ts'
import { repository } from './sources.ts'

const begin = '<!-- extensions: written by `npm run readme:extensions` -->'
const end = '<!-- /extensions -->'
const readmePath = join(repository, 'README.md')

/** One row a category, in the order of their names. */
export function extensionTable(factories: readonly ExtensionFactory[]): string {
  const names = new Map<string, Set<string>>()
  for (const { category, name } of factories) {
    const known = names.get(category) ?? new Set()
    names.set(category, known.add(name))
  }
  const rows = [...names.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([category, known]) => `| \`${category}\` | ${[...known].sort().map(lastPart).join(', ')} |`)
  return ['| category | extensions |', '|---|---|', ...rows].join('\n')
}

function lastPart(name: string): string {
  return `\`${name.split('.').at(-1)}\``
}

/** The README with the table in its place; throws where the two marks are missing. */
export function withExtensionTable(readme: string): string {
  const from = readme.indexOf(begin)
  const to = readme.indexOf(end)
  if (from < 0 || to < from) throw new Error(`README.md has no place for the table: ${begin} ... ${end}`)
  return `${readme.slice(0, from)}${begin}\n${extensionTable(allExtensions)}\n${readme.slice(to)}`
}

export function readReadme(): string {
  return readFileSync(readmePath, 'utf8')
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) writeFileSync(readmePath, withExtensionTable(readReadme()))
