/** What the READMEs say is so. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readReadme, withExtensionTable } from './extension_table.ts'
import { repository, sourceFiles } from './sources.ts'

const pages = ['README.md', 'src/README.md', 'bench/README.md'].filter((page) => existsSync(join(repository, page)))
const read = (page: string) => readFileSync(join(repository, page), 'utf8')

describe('README.md', () => {
  it('has the table of extensions as the registry has them (npm run readme:extensions)', () => {
    expect(readReadme()).toBe(withExtensionTable(readReadme()))
  })

  it('has an example that is valid', () => {
    const yaml = /```yaml\n([\s\S]+?)```/.exec(readReadme())?.[1] ?? ''
    const args = [join(repository, 'src/main.ts'), '--mode', 'validate', '--config-yaml', yaml]
    const result = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 })
    expect(result.stdout + result.stderr).toContain('OK')
    expect(result.status).toBe(0)
  })

  it('names commands that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const named = [...readReadme().matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name)
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
  })
})

describe.each(pages)('%s', (page) => {
  it('links to what is there', () => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, target]) => target)
    expect(links.filter((target) => !existsSync(join(repository, dirname(page), target)))).toEqual([])
  })
})

describe('src/README.md', () => {
  it('names files and folders that are there', () => {
    const named = [...read('src/README.md').matchAll(/`([a-z0-9_]+(?:\/[a-z0-9_]+)*\/(?:[a-z0-9_]+\.ts)?)`/g)].map(
      ([, path]) => path,
    )
    expect(named.length).toBeGreaterThan(30)
    expect(named.filter((path) => !['src', ''].some((base) => existsSync(join(repository, base, path))))).toEqual([])
  })

  it('has every folder of src/ in its map', () => {
    const folders = new Set(sourceFiles('src').flatMap(({ path }) => path.split('/').slice(1, -1).slice(0, 1)))
    const text = read('src/README.md')
    expect([...folders].filter((folder) => !text.includes(`\`${folder}/\``))).toEqual([])
  })
})
